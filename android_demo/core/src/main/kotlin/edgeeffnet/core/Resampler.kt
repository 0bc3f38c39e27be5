package edgeeffnet.core

/** The part of a picture that a square needs, in pixels: filters reach past the square's edge. */
class Window(val left: Int, val top: Int, val width: Int, val height: Int)

/**
 * Makes the model's square from pictures of any size: byte for byte what Pillow makes, in its integers.
 *
 * Weights are integers of 22 bits, two passes, each rounded to 8 bits. Buffers are kept from call to call, so that frames
 * of one size allocate nothing; not for use by two threads at once.
 *
 * References: Pillow 13, src/libImaging/Resample.c, and Geometry.c for `nearest`.
 */
class Resampler(val preprocessing: Preprocessing) {
    private var plan: Plan? = null

    /** (size, size, 3) uint8: the last square that was made. */
    val pixels = ByteArray(preprocessing.resolutionPx * preprocessing.resolutionPx * 3)

    /** Returns what is needed of a picture of this size. */
    fun window(width: Int, height: Int): Window = planFor(width, height).window

    /** Makes the square of a whole picture; returns [pixels]. */
    fun square(picture: RgbImage): ByteArray {
        val plan = planFor(picture.width, picture.height)
        plan.run(picture.bytes, (plan.window.top * picture.width + plan.window.left) * 3, picture.width * 3, pixels)
        return pixels
    }

    /**
     * Makes the square of a picture of which only the window is at hand; returns [pixels].
     *
     * @param bytes (window height, window width, 3) uint8; may be longer.
     * @param width of the whole picture.
     * @param height of the whole picture.
     */
    fun squareOfWindow(bytes: ByteArray, width: Int, height: Int): ByteArray {
        val plan = planFor(width, height)
        plan.run(bytes, 0, plan.window.width * 3, pixels)
        return pixels
    }

    private fun planFor(width: Int, height: Int): Plan {
        val last = plan
        if (last != null && last.width == width && last.height == height) return last
        val isNearest = preprocessing.resample == Resample.NEAREST
        val fresh = if (isNearest) NearestPlan(preprocessing, width, height) else FilterPlan(preprocessing, width, height)
        plan = fresh
        return fresh
    }
}
