package dev.edgeeffnet.demo

import android.graphics.Rect
import android.os.Build
import android.view.View
import android.view.WindowInsets

/** Apps draw behind the system's bars and beside cameras; what has to be read or touched keeps clear of them. */
object Insets {
    /** Keeps a view's content clear, beyond the padding that it has. */
    fun keepClear(view: View) {
        val own = Rect(view.paddingLeft, view.paddingTop, view.paddingRight, view.paddingBottom)
        view.setOnApplyWindowInsetsListener { _, insets ->
            val taken = taken(insets)
            view.setPadding(own.left + taken.left, own.top + taken.top, own.right + taken.right, own.bottom + taken.bottom)
            insets
        }
    }

    private fun taken(insets: WindowInsets): Rect {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            val bars = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout())
            return Rect(bars.left, bars.top, bars.right, bars.bottom)
        }
        return before30(insets)
    }

    @Suppress("DEPRECATION") // what there was before API 30
    private fun before30(insets: WindowInsets) =
        Rect(insets.systemWindowInsetLeft, insets.systemWindowInsetTop, insets.systemWindowInsetRight, insets.systemWindowInsetBottom)
}
