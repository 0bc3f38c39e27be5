package edgeeffnet.core

import kotlin.math.abs

/** Width and height in pixels. */
data class PixelSize(val width: Int, val height: Int) {
    val area: Long get() = width.toLong() * height

    fun turned(degrees: Int): PixelSize = if (degrees % 180 == 0) this else PixelSize(height, width)

    /** Whether both have the same shape, within one part in fifty. */
    fun isOfShape(other: PixelSize): Boolean = abs(width.toDouble() * other.height / (height.toDouble() * other.width) - 1) < 0.02
}

/** How pictures of a camera lie on a screen. Degrees are clockwise. */
object Orientation {
    /**
     * Returns by how much a camera's picture has to be turned to be upright on the screen.
     *
     * References: android.hardware.camera2.CaptureRequest.JPEG_ORIENTATION; a screen's rotation counts the other way round
     * than the device's.
     *
     * @param sensor CameraCharacteristics.SENSOR_ORIENTATION.
     * @param display 90 times Display.getRotation().
     * @param isFront whether the camera looks at the user.
     */
    fun uprightDegrees(sensor: Int, display: Int, isFront: Boolean): Int = (sensor + (if (isFront) display else 360 - display)) % 360
}

/**
 * A picture in a view, as large as fits, in the middle.
 *
 * @param view size of the view.
 * @param upright size of the upright picture.
 */
class Fit(private val view: PixelSize, private val upright: PixelSize) {
    /** View pixels for a pixel of the picture. */
    val scale: Float = minOf(view.width.toFloat() / upright.width, view.height.toFloat() / upright.height)

    /** Where the picture's left edge lies in the view. */
    val left: Float = (view.width - upright.width * scale) / 2

    /** Where its upper edge lies. */
    val top: Float = (view.height - upright.height * scale) / 2

    /**
     * Returns the matrix for a `TextureView` that shows a camera: nine numbers by rows, for `Matrix.setValues`.
     *
     * Such a view stretches the picture, upright for the device's natural orientation, over its whole size. The matrix
     * makes it of its own shape again, turns it back by the screen's rotation, and makes it as large as fits.
     *
     * @param display 90 times Display.getRotation().
     */
    fun textureMatrix(display: Int): FloatArray {
        val natural = upright.turned(display)
        val across = natural.width * scale / view.width
        val down = natural.height * scale / view.height
        val cos = intArrayOf(1, 0, -1, 0)[display / 90 % 4].toFloat() // of a turn by -display
        val sin = intArrayOf(0, -1, 0, 1)[display / 90 % 4].toFloat()
        val x = view.width / 2f
        val y = view.height / 2f
        val turned = floatArrayOf(cos * across, -sin * down, sin * across, cos * down)
        return floatArrayOf(
            turned[0], turned[1], x - turned[0] * x - turned[1] * y,
            turned[2], turned[3], y - turned[2] * x - turned[3] * y,
            0f, 0f, 1f,
        )
    }
}

/** Which of a camera's sizes to use. */
object CameraSizes {
    /** A preview larger than this is not seen as sharper on a phone. */
    private const val MOST_PREVIEW_SIDE = 1440

    private val SHAPE = PixelSize(4, 3) // most sensors' own, so that nothing is cut off

    /**
     * Returns the size of the frames that are looked at: the smallest that has enough pixels for the model, of the
     * sensor's shape where there is one.
     *
     * @param sizes those that the camera has; at least one.
     * @param model what the model's square needs on the short side, in pixels of the frame.
     */
    fun analysis(sizes: List<PixelSize>, model: Int): PixelSize {
        val enough = sizes.filter { minOf(it.width, it.height) >= maxOf(model, LEAST_SIDE) }
        val shaped = enough.filter { it.isOfShape(SHAPE) }.ifEmpty { enough }
        return shaped.minByOrNull { it.area } ?: sizes.maxByOrNull { it.area } ?: throw IllegalArgumentException("no sizes")
    }

    /** Returns the size of the preview: the largest of the same shape that a screen shows, so that both see the same. */
    fun preview(sizes: List<PixelSize>, analysis: PixelSize): PixelSize {
        val shaped = sizes.filter { it.isOfShape(analysis) && maxOf(it.width, it.height) <= MOST_PREVIEW_SIDE }
        return shaped.maxByOrNull { it.area } ?: analysis
    }

    /** Frames below this are too coarse even for a small model: the crop and the filter need something to work on. */
    private const val LEAST_SIDE = 480
}
