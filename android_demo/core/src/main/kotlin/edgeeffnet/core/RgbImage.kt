package edgeeffnet.core

/**
 * A picture in memory.
 *
 * @property bytes (height, width, 3) uint8: red, green, blue, rows from the top.
 */
class RgbImage(val width: Int, val height: Int, val bytes: ByteArray) {
    init {
        require(width > 0 && height > 0 && bytes.size == width * height * 3) { "$width x $height px in ${bytes.size} bytes" }
    }

    companion object {
        /** Returns a black picture. */
        fun blank(width: Int, height: Int): RgbImage = RgbImage(width, height, ByteArray(width * height * 3))

        /**
         * Makes a picture of pixels as `android.graphics.Bitmap.getPixels` and `java.awt` have them.
         *
         * Transparency is laid over white in the integers of Pillow's alpha_composite.
         *
         * @param argb (height, width): alpha, red, green, blue in one number, alpha not multiplied in.
         */
        fun fromArgb(argb: IntArray, width: Int, height: Int): RgbImage {
            val image = blank(width, height)
            putArgb(argb, width * height, image.bytes, 0)
            return image
        }

        /**
         * Puts pixels as in [fromArgb] into a picture's bytes: a large bitmap is read row by row.
         *
         * @param at the first byte that is written.
         */
        fun putArgb(argb: IntArray, count: Int, bytes: ByteArray, at: Int) {
            var to = at
            for (index in 0 until count) {
                val pixel = argb[index]
                val alpha = pixel ushr 24
                bytes[to++] = overWhite(pixel shr 16 and 255, alpha)
                bytes[to++] = overWhite(pixel shr 8 and 255, alpha)
                bytes[to++] = overWhite(pixel and 255, alpha)
            }
        }

        /**
         * Makes a picture of bytes red, green, blue, alpha with a stride, as `ImageReader` gives them; alpha as above.
         *
         * @param rowStride bytes from one row to the next.
         */
        fun fromRgba(rgba: java.nio.ByteBuffer, width: Int, height: Int, rowStride: Int): RgbImage {
            val image = blank(width, height)
            var to = 0
            for (y in 0 until height) {
                for (x in 0 until width) {
                    val at = rgba.position() + y * rowStride + 4 * x
                    val alpha = rgba.get(at + 3).toInt() and 255
                    for (channel in 0 until 3) image.bytes[to++] = overWhite(rgba.get(at + channel).toInt() and 255, alpha)
                }
            }
            return image
        }

        // Pillow, src/libImaging/AlphaComposite.c, for a white ground: 7 more bits, rounded division by 255.
        private fun overWhite(value: Int, alpha: Int): Byte {
            if (alpha == 255) return value.toByte()
            val sum = (value * alpha + 255 * (255 - alpha) shl 7) + (0x80 shl 7)
            return ((sum ushr 8) + sum ushr 8 ushr 7).toByte()
        }
    }
}
