package dev.edgeeffnet.demo

import android.app.Activity
import android.graphics.Matrix
import android.graphics.SurfaceTexture
import android.view.TextureView
import android.view.View
import android.widget.Button
import android.widget.TextView
import edgeeffnet.core.Fit
import edgeeffnet.core.Orientation
import edgeeffnet.core.PixelSize

/**
 * The part of the screen where the camera's picture is, or a message in its place.
 *
 * @param onReady the texture has come, or has changed its size.
 * @param onGone the texture goes: the camera has to be closed before this returns.
 */
class Stage(private val activity: Activity, private val onReady: () -> Unit, private val onGone: () -> Unit) {
    private val preview: TextureView = activity.findViewById(R.id.preview)
    private val message: View = activity.findViewById(R.id.message)
    private val messageText: TextView = activity.findViewById(R.id.message_text)
    private val messageAction: Button = activity.findViewById(R.id.message_action)
    val overlay: OverlayView = activity.findViewById(R.id.overlay)

    /** Null while there is none. */
    val texture: SurfaceTexture? get() = if (preview.isAvailable) preview.surfaceTexture else null

    /** By how many degrees the screen is turned. */
    @Suppress("DEPRECATION") // its successor needs API 30
    val display: Int get() = 90 * activity.windowManager.defaultDisplay.rotation

    init {
        preview.surfaceTextureListener = object : TextureView.SurfaceTextureListener {
            override fun onSurfaceTextureAvailable(texture: SurfaceTexture, width: Int, height: Int) = onReady()

            override fun onSurfaceTextureSizeChanged(texture: SurfaceTexture, width: Int, height: Int) = onReady()

            override fun onSurfaceTextureDestroyed(texture: SurfaceTexture): Boolean {
                onGone()
                return true
            }

            override fun onSurfaceTextureUpdated(texture: SurfaceTexture) = Unit
        }
    }

    /** Makes the preview of its own shape, upright, as large as fits. */
    fun fit(choice: CameraChoice) {
        val view = PixelSize(preview.width, preview.height)
        if (view.area == 0L) return
        val upright = choice.preview.turned(Orientation.uprightDegrees(choice.sensorDegrees, display, choice.isFront))
        preview.setTransform(Matrix().apply { setValues(Fit(view, upright).textureMatrix(display)) })
    }

    /** Puts words in the picture's place, and a button where there is something to do. */
    fun say(words: CharSequence, action: Int = 0, onAction: () -> Unit = {}) {
        overlay.clear()
        message.visibility = View.VISIBLE
        messageText.text = words
        messageAction.visibility = if (action == 0) View.GONE else View.VISIBLE
        if (action != 0) messageAction.setText(action)
        messageAction.setOnClickListener { onAction() }
    }

    /** Shows the picture. */
    fun showPicture() {
        message.visibility = View.GONE
    }
}
