package edgeeffnet.core

import java.util.concurrent.atomic.AtomicBoolean
import kotlin.concurrent.thread
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Where pictures lie on a screen, and how frames are handed over. */
class GeometryTest {
    /** A phone's back camera (90) and front camera (270) come upright in all four positions, as Android's manual says. */
    @Test
    fun picturesComeUprightInEveryPosition() {
        assertEquals(listOf(90, 0, 270, 180), listOf(0, 90, 180, 270).map { Orientation.uprightDegrees(90, it, false) })
        assertEquals(listOf(270, 0, 90, 180), listOf(0, 90, 180, 270).map { Orientation.uprightDegrees(270, it, true) })
        assertEquals(listOf(0, 270, 180, 90), listOf(0, 90, 180, 270).map { Orientation.uprightDegrees(0, it, false) })
    }

    private fun mapped(matrix: FloatArray, x: Float, y: Float) =
        listOf(matrix[0] * x + matrix[1] * y + matrix[2], matrix[3] * x + matrix[4] * y + matrix[5])

    /** The corners of the stretched preview land on the corners of the fitted picture, turned back by the screen's rotation. */
    @Test
    fun thePreviewLiesWhereTheOverlayIsDrawn() {
        for ((display, corner) in listOf(0 to 0, 90 to 3, 180 to 2, 270 to 1)) {
            val view = PixelSize(1000, 1400)
            val upright = if (display % 180 == 0) PixelSize(480, 640) else PixelSize(640, 480)
            val fit = Fit(view, upright)
            val right = fit.left + upright.width * fit.scale
            val bottom = fit.top + upright.height * fit.scale
            val corners = listOf(fit.left to fit.top, right to fit.top, right to bottom, fit.left to bottom)
            // The natural picture's upper left corner is, on a screen that is turned by 90, its lower left one.
            val (x, y) = mapped(fit.textureMatrix(display), 0f, 0f)
            assertEquals("$display", corners[corner].first, x, 0.01f)
            assertEquals("$display", corners[corner].second, y, 0.01f)
            val (centreX, centreY) = mapped(fit.textureMatrix(display), 500f, 700f)
            assertEquals(500f, centreX, 0.01f)
            assertEquals(700f, centreY, 0.01f)
        }
    }

    /** The whole picture is in the view, and touches two of its sides. */
    @Test
    fun aFittedPictureIsSeenWhole() {
        val fit = Fit(PixelSize(1080, 2000), PixelSize(480, 640))
        assertEquals(2.25f, fit.scale, 1e-6f)
        assertEquals(0f, fit.left, 1e-3f)
        assertEquals(280f, fit.top, 1e-3f)
    }

    private val sizes = listOf(176 to 144, 320 to 240, 640 to 480, 1280 to 720, 1024 to 768, 1440 to 1080, 1920 to 1080, 4000 to 3000)
        .map { PixelSize(it.first, it.second) }

    /** Frames are the smallest with enough pixels; the preview is of the same shape. */
    @Test
    fun sizesFitTheModel() {
        assertEquals(PixelSize(640, 480), CameraSizes.analysis(sizes, 256))
        assertEquals(PixelSize(1024, 768), CameraSizes.analysis(sizes, 600))
        assertEquals(PixelSize(4000, 3000), CameraSizes.analysis(sizes, 9000))
        assertEquals(PixelSize(1280, 720), CameraSizes.analysis(listOf(PixelSize(1280, 720), PixelSize(320, 240)), 256))
        assertEquals(PixelSize(1440, 1080), CameraSizes.preview(sizes, PixelSize(640, 480)))
        assertEquals(PixelSize(500, 500), CameraSizes.preview(sizes, PixelSize(500, 500)))
        assertThrows(IllegalArgumentException::class.java) { CameraSizes.analysis(emptyList(), 1) }
    }

    /** Only the newest frame waits; those that it replaced are counted. */
    @Test
    fun onlyTheNewestFrameWaits() {
        val box = LatestFrame(List(3) { intArrayOf(0) })
        assertNull(box.take())
        assertTrue(box.offer { it[0] = 1 })
        assertFalse(box.offer { it[0] = 2 })
        val seen = box.take()!!
        assertTrue(box.offer { it[0] = 3 })
        assertFalse(box.offer { it[0] = 4 })
        assertEquals(2, seen[0])
        box.giveBack(seen)
        assertEquals(4, box.take()!![0])
        assertEquals(2L, box.dropped)
        assertThrows(IllegalArgumentException::class.java) { LatestFrame(List(2) { 0 }) }
    }

    /** A frame that could not be written is not offered and not lost. */
    @Test
    fun aFrameThatFailedIsNotOffered() {
        val box = LatestFrame(List(3) { intArrayOf(0) })
        repeat(10) { assertThrows(IllegalStateException::class.java) { box.offer { error("no") } } }
        assertNull(box.take())
        assertTrue(box.offer { it[0] = 7 })
        assertEquals(7, box.take()!![0])
    }

    /** A fast writer and a slow reader never hold the same frame, and none is lost. */
    @Test(timeout = 20_000)
    fun writerAndReaderNeverShareAFrame() {
        val box = LatestFrame(List(3) { IntArray(64) })
        val stop = AtomicBoolean(false)
        val writer = thread {
            var number = 0
            while (!stop.get()) box.offer { frame -> number++.let { value -> frame.fill(value) } }
        }
        var last = -1
        repeat(2_000) {
            val frame = box.take()
            if (frame != null) {
                assertTrue("torn", frame.all { it == frame[0] })
                assertTrue("old", frame[0] > last)
                last = frame[0]
                box.giveBack(frame)
            }
        }
        stop.set(true)
        writer.join()
    }
}
