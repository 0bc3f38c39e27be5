package dev.edgeeffnet.demo

import android.app.Application
import android.content.Context

/** The app. */
open class DemoApplication : Application() {
    /** What runs models; tests put another in its place. */
    open val runtime: InferenceRuntime get() = LiteRt
}

/** What runs models in this app. */
val Context.runtime: InferenceRuntime get() = (applicationContext as DemoApplication).runtime
