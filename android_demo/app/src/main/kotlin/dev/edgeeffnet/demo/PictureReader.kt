package dev.edgeeffnet.demo

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.media.ExifInterface
import android.net.Uri
import edgeeffnet.core.RgbImage
import edgeeffnet.core.Turn
import java.io.ByteArrayInputStream
import java.io.FileNotFoundException
import java.io.IOException

/**
 * A picture of the gallery.
 *
 * @property pixels upright.
 * @property reduction 1, or by how much it had to be decoded smaller.
 */
class GalleryPicture(val pixels: RgbImage, val reduction: Int) {
    /** Returns a bitmap that is not larger than a screen, for looking at only. */
    fun bitmap(): Bitmap {
        val step = maxOf(1, maxOf(pixels.width, pixels.height) / MOST_SHOWN_SIDE)
        val width = pixels.width / step
        val height = pixels.height / step
        val colours = IntArray(width * height) { place -> colour(place % width * step, place / width * step) }
        return Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888)
    }

    private fun colour(x: Int, y: Int): Int {
        val at = (y * pixels.width + x) * 3
        val bytes = pixels.bytes
        return (0xFF shl 24) or (bytes[at].toInt() and 255 shl 16) or (bytes[at + 1].toInt() and 255 shl 8) or (bytes[at + 2].toInt() and 255)
    }

    private companion object {
        const val MOST_SHOWN_SIDE = 1024
    }
}

/** Decodes pictures as the contract asks: upright by EXIF, transparency over white. */
object PictureReader {
    private const val MOST_BYTES = 64 shl 20

    /** Decoded whole a picture takes 10 bytes a pixel for a moment; a phone's app may have some 256 MiB. */
    private const val MOST_PIXELS = 16_000_000L

    /**
     * Reads a picture.
     *
     * @throws IOException if it cannot be read or decoded, in words for the user.
     */
    fun read(resolver: ContentResolver, uri: Uri): GalleryPicture {
        val bytes = contents(resolver, uri)
        val size = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeByteArray(bytes, 0, bytes.size, size)
        if (size.outWidth <= 0 || size.outHeight <= 0) throw IOException("this is no picture that Android can decode")
        var reduction = 1
        while (size.outWidth.toLong() * size.outHeight / (reduction.toLong() * reduction) > MOST_PIXELS) reduction *= 2
        val turn = Turn.ofExif(orientation(bytes))
        return GalleryPicture(turn.upright(decode(bytes, reduction)), reduction)
    }

    /** Decodes a PNG of the contract's golden vectors. */
    fun decode(bytes: ByteArray): RgbImage = decode(bytes, 1)

    private fun decode(bytes: ByteArray, reduction: Int): RgbImage {
        val options = BitmapFactory.Options().apply {
            inSampleSize = reduction
            inPremultiplied = false // colours under transparency as they are in the file
            inScaled = false
            inPreferredConfig = Bitmap.Config.ARGB_8888
        }
        val bitmap = BitmapFactory.decodeByteArray(bytes, 0, bytes.size, options) ?: throw IOException("the picture is damaged")
        val image = RgbImage.blank(bitmap.width, bitmap.height)
        val row = IntArray(bitmap.width)
        for (y in 0 until bitmap.height) {
            bitmap.getPixels(row, 0, bitmap.width, 0, y, bitmap.width, 1)
            RgbImage.putArgb(row, bitmap.width, image.bytes, y * bitmap.width * 3)
        }
        bitmap.recycle()
        return image
    }

    private fun contents(resolver: ContentResolver, uri: Uri): ByteArray = try {
        val stream = resolver.openInputStream(uri) ?: throw FileNotFoundException("it is not there any more")
        val bytes = stream.use { it.readBytes() }
        if (bytes.size > MOST_BYTES) throw IOException("it has more than ${MOST_BYTES shr 20} MiB")
        bytes
    } catch (fault: SecurityException) {
        throw IOException("this app may not read it", fault)
    }

    /** Damaged EXIF counts as upright. */
    private fun orientation(bytes: ByteArray): Int = try {
        ExifInterface(ByteArrayInputStream(bytes)).getAttributeInt(ExifInterface.TAG_ORIENTATION, 1)
    } catch (damaged: IOException) {
        1
    }
}
