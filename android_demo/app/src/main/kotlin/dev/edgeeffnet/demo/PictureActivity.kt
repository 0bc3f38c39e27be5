package dev.edgeeffnet.demo

import android.app.Activity

/** The picture screen. */
class PictureActivity : Activity()
