package edgeeffnet.core

import java.util.Random
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test

/** Squares of pictures, against `edge_effnet.images`. */
class ResamplerTest {
    /** Every filter, size and crop gives the bytes that Pillow gives. */
    @Test
    fun squaresAreByteEqualToPillows() {
        val cases = Golden.cases("preprocessing.json")
        assertTrue(cases.size > 200)
        for (case in cases) {
            val picture = Golden.picture(Golden.int(case, "width"), Golden.int(case, "height"), Golden.int(case, "seed"))
            val square = Resampler(Preprocessing.parse(case)).square(picture)
            assertEquals("$case", case["sha256"], Golden.digest(square))
        }
    }

    /** A preprocessing has the same id here as in Python. */
    @Test
    fun idsAreThoseOfPython() {
        for (case in Golden.cases("preprocessing.json")) assertEquals(case["id"], Preprocessing.parse(case).id)
    }

    /** The part of a picture that the resampler asks for is all that it needs. */
    @Test
    fun theWindowAloneGivesTheSameSquare() {
        val random = Random(1)
        for (resample in Resample.values()) {
            repeat(10) {
                val width = 1 + random.nextInt(60)
                val height = 1 + random.nextInt(60)
                val picture = Golden.picture(width, height, it)
                val resampler = Resampler(Preprocessing(1 + random.nextInt(40), 0.1 + 0.9 * random.nextDouble(), resample))
                val whole = resampler.square(picture).copyOf()
                val window = resampler.window(width, height)
                assertArrayEquals(whole, resampler.squareOfWindow(cut(picture, window), width, height))
            }
        }
    }

    /** Frames of one size are made in the same memory: nothing is allocated for each of them. */
    @Test
    fun theSquareIsMadeInTheSameArray() {
        val resampler = Resampler(Preprocessing(16))
        assertSame(resampler.square(Golden.picture(40, 30, 1)), resampler.square(Golden.picture(40, 30, 2)))
    }

    /** A picture of one colour stays of that colour, whatever the size: weights add up to 1. */
    @Test
    fun oneColourStaysThatColour() {
        val random = Random(2)
        for (resample in Resample.values()) {
            repeat(20) {
                val code = random.nextInt(256).toByte()
                val picture = plain(1 + random.nextInt(90), 1 + random.nextInt(90), code)
                val square = Resampler(Preprocessing(1 + random.nextInt(50), 1.0, resample)).square(picture)
                assertTrue("$resample", square.all { it == code })
            }
        }
    }

    private fun plain(width: Int, height: Int, code: Byte) = RgbImage(width, height, ByteArray(width * height * 3) { code })

    private fun cut(picture: RgbImage, window: Window): ByteArray {
        val bytes = ByteArray(window.width * window.height * 3)
        for (row in 0 until window.height) {
            val from = ((window.top + row) * picture.width + window.left) * 3
            picture.bytes.copyInto(bytes, row * window.width * 3, from, from + window.width * 3)
        }
        return bytes
    }
}
