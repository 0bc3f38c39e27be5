package dev.edgeeffnet.demo

import android.app.Activity

/** The benchmark screen. */
class BenchmarkActivity : Activity()
