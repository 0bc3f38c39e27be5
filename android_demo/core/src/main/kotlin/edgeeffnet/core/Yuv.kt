package edgeeffnet.core

import java.nio.ByteBuffer

/**
 * One plane of a camera frame.
 *
 * @property rowStride bytes from one row to the next.
 * @property pixelStride bytes from one value to the next in a row: 1, or 2 where two planes are interleaved.
 */
class Plane {
    internal var bytes = ByteArray(0)
    var rowStride = 0
        private set
    var pixelStride = 0
        private set

    /**
     * Copies the plane: a camera wants its buffer back soon, and an array is read faster. Allocates for the first frame only.
     *
     * @param buffer position to limit.
     * @param width values in a row.
     * @param height rows.
     * @throws IllegalArgumentException if the buffer ends before the last value.
     */
    fun load(buffer: ByteBuffer, rowStride: Int, pixelStride: Int, width: Int, height: Int) {
        val needed = (height - 1L) * rowStride + (width - 1L) * pixelStride + 1
        require(rowStride >= 0 && pixelStride > 0 && needed <= buffer.remaining()) {
            "a plane of $width x $height values, strides $rowStride and $pixelStride, in ${buffer.remaining()} bytes"
        }
        if (bytes.size < needed) bytes = ByteArray(needed.toInt())
        buffer.duplicate().get(bytes, 0, needed.toInt())
        this.rowStride = rowStride
        this.pixelStride = pixelStride
    }
}

/**
 * A frame as cameras give it, YUV_420_888: one luma a pixel, one pair of chroma for two by two pixels, rounded up.
 *
 * Colours are BT.601, full range, as JFIF says (what Android's cameras deliver), in integers with 16 bits behind the
 * point; chroma is repeated, not interpolated. With u = U - 128, v = V - 128 and >> an arithmetic shift:
 * ```
 * R = clamp(Y + ((             91881 v + 32768) >> 16))
 * G = clamp(Y + ((-22554 u  -  46802 v + 32768) >> 16))
 * B = clamp(Y + ((116130 u             + 32768) >> 16))
 * ```
 * References: JFIF 1.02: R = Y + 1.402 v, G = Y - 0.34414 u - 0.71414 v, B = Y + 1.772 u.
 */
class YuvFrame {
    val luma = Plane()
    val u = Plane()
    val v = Plane()
    var width = 0
        private set
    var height = 0
        private set

    /** Says how large the frame is; the planes are loaded by themselves, chroma with [chromaWidth] and [chromaHeight]. */
    fun resize(width: Int, height: Int) {
        require(width > 0 && height > 0) { "a frame of $width x $height px" }
        this.width = width
        this.height = height
    }

    val chromaWidth: Int get() = (width + 1) / 2

    val chromaHeight: Int get() = (height + 1) / 2

    /**
     * Converts a part of the frame.
     *
     * @param turn makes it upright.
     * @param window the part, in upright pixels.
     * @param to (window height, window width, 3) uint8 RGB; may be longer.
     */
    fun toRgb(turn: Turn, window: Window, to: ByteArray) {
        val walk = turn.walk(width, height)
        var at = 0
        for (row in window.top until window.top + window.height) {
            var x = walk.xAt(window.left, row)
            var y = walk.yAt(window.left, row)
            for (column in 0 until window.width) {
                put(x, y, to, at)
                at += 3
                x += walk.xPerColumn
                y += walk.yPerColumn
            }
        }
    }

    /** Returns the whole frame upright. */
    fun toImage(turn: Turn): RgbImage {
        val image = if (turn.swapsSides) RgbImage.blank(height, width) else RgbImage.blank(width, height)
        toRgb(turn, Window(0, 0, image.width, image.height), image.bytes)
        return image
    }

    private fun put(x: Int, y: Int, to: ByteArray, at: Int) {
        val light = luma.bytes[y * luma.rowStride + x * luma.pixelStride].toInt() and 255
        val blue = (u.bytes[(y shr 1) * u.rowStride + (x shr 1) * u.pixelStride].toInt() and 255) - 128
        val red = (v.bytes[(y shr 1) * v.rowStride + (x shr 1) * v.pixelStride].toInt() and 255) - 128
        to[at] = clamp(light + (91881 * red + 32768 shr 16))
        to[at + 1] = clamp(light + (-22554 * blue - 46802 * red + 32768 shr 16))
        to[at + 2] = clamp(light + (116130 * blue + 32768 shr 16))
    }

    private fun clamp(value: Int): Byte = (if (value < 0) 0 else if (value > 255) 255 else value).toByte()
}
