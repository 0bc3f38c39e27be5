package edgeeffnet.core

import java.nio.ByteBuffer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Camera frames, against numpy and `edge_effnet.images`. */
class YuvTest {
    private val model = Model.read(Golden.buffer("int8.tflite"))

    private fun frame(case: Map<String, Any?>): YuvFrame {
        val width = Golden.int(case, "width")
        val height = Golden.int(case, "height")
        val strides = Golden.doubles(case["strides"]).map { it.toInt() }
        val frame = YuvFrame()
        frame.resize(width, height)
        val planes = listOf(frame.luma, frame.u, frame.v)
        for ((place, plane) in planes.withIndex()) {
            val isLuma = place == 0
            val columns = if (isLuma) width else frame.chromaWidth
            val rows = if (isLuma) height else frame.chromaHeight
            val stride = strides[if (isLuma) 0 else 2]
            val row = columns * stride + strides[if (isLuma) 1 else 3]
            // A camera's buffer ends at the last value, not at the end of the last row.
            val size = (rows - 1) * row + (columns - 1) * stride + 1
            val bytes = Golden.noise(row * rows, Golden.int(case, "seed") + place).copyOf(size)
            plane.load(ByteBuffer.wrap(bytes), row, stride, columns, rows)
        }
        return frame
    }

    private fun turn(case: Map<String, Any?>) = Turn(Golden.int(case, "degrees"), case["mirrored"] as Boolean)

    /** Four turns, mirrored or not, odd sizes, any strides: every byte is that of the documented formula. */
    @Test
    fun framesAreByteEqualToTheFormula() {
        val cases = Golden.cases("frames.json")
        assertTrue(cases.size >= 200)
        for (case in cases) assertEquals("$case", case["rgb"], Golden.digest(frame(case).toImage(turn(case)).bytes))
    }

    /** The square that the model sees of a frame is the one that Python makes of the upright picture. */
    @Test
    fun squaresOfFramesAreByteEqualToPillows() {
        val resampler = Resampler(Preprocessing(16))
        for (case in Golden.cases("frames.json")) {
            val frame = frame(case)
            val turn = turn(case)
            val width = if (turn.swapsSides) frame.height else frame.width
            val height = if (turn.swapsSides) frame.width else frame.height
            val window = resampler.window(width, height)
            val part = ByteArray(window.width * window.height * 3)
            frame.toRgb(turn, window, part)
            assertEquals("$case", case["square"], Golden.digest(resampler.squareOfWindow(part, width, height)))
        }
    }

    /** Frames and pictures take the same way to the model. */
    @Test
    fun aFrameGivesTheInputOfItsPicture() {
        val preparer = Preparer(model)
        for (case in Golden.cases("frames.json").filter { it["width"] == 34L }) {
            val first = ByteArray(model.input.sizeBytes)
            val second = ByteArray(model.input.sizeBytes)
            preparer.input(frame(case), turn(case)).get(first)
            preparer.input(frame(case).toImage(turn(case))).get(second)
            assertEquals(first.toList(), second.toList())
        }
    }

    /** Black, white, gray and the three colours at full light are what JFIF says, within one step. */
    @Test
    fun knownColoursComeOut() {
        val known = listOf(
            intArrayOf(0, 128, 128, 0, 0, 0), intArrayOf(255, 128, 128, 255, 255, 255), intArrayOf(128, 128, 128, 128, 128, 128),
            intArrayOf(76, 85, 255, 254, 0, 0), intArrayOf(150, 44, 21, 0, 255, 1), intArrayOf(29, 255, 107, 0, 0, 254),
        )
        for (row in known) {
            val frame = YuvFrame().apply { resize(1, 1) }
            listOf(frame.luma, frame.u, frame.v).forEachIndexed { place, plane ->
                plane.load(ByteBuffer.wrap(byteArrayOf(row[place].toByte())), 1, 1, 1, 1)
            }
            val found = frame.toImage(Turn(0)).bytes.map { it.toInt() and 255 }
            for (channel in 0 until 3) assertEquals("${row.toList()} $found", row[3 + channel].toDouble(), found[channel].toDouble(), 1.0)
        }
    }

    /** A buffer that ends too early is refused before a byte of it is read. */
    @Test
    fun aPlaneThatEndsEarlyIsRefused() {
        val plane = Plane()
        plane.load(ByteBuffer.allocate(2 * 10 + 8), 10, 2, 4, 3)
        assertThrows(IllegalArgumentException::class.java) { plane.load(ByteBuffer.allocate(26), 10, 2, 4, 3) }
        assertThrows(IllegalArgumentException::class.java) { plane.load(ByteBuffer.allocate(99), -10, 1, 4, 3) }
        assertThrows(IllegalArgumentException::class.java) { plane.load(ByteBuffer.allocate(99), 10, 0, 4, 3) }
    }

    /** EXIF's eight orientations turn a picture as Pillow's transposes do. */
    @Test
    fun exifOrientationsTurnThePicture() {
        // a b     Upright for each tag, as letters by rows.
        // c d
        // e f
        val stored = RgbImage(2, 3, "aaabbbcccdddeeefff".toByteArray())
        val upright = listOf("abcdef", "badcfe", "fedcba", "efcdab", "acebdf", "ecafdb", "fdbeca", "bdface")
        for ((index, expected) in upright.withIndex()) {
            val turned = Turn.ofExif(index + 1).upright(stored)
            assertEquals(if (index < 4) 2 else 3, turned.width)
            assertEquals("tag ${index + 1}", expected, String(turned.bytes).filterIndexed { at, _ -> at % 3 == 0 })
        }
        for (odd in listOf(0, 9, -1)) assertEquals(Turn(0), Turn.ofExif(odd))
    }

    /** Turning on by the rest of the circle brings a picture back. */
    @Test
    fun fourTurnsAreNone() {
        val picture = Golden.picture(7, 4, 3)
        for (degrees in listOf(90, 180, 270)) {
            val back = Turn(360 - degrees).upright(Turn(degrees).upright(picture))
            assertEquals(picture.bytes.toList(), back.bytes.toList())
        }
        val mirrored = Turn(0, true)
        assertEquals(picture.bytes.toList(), mirrored.upright(mirrored.upright(picture)).bytes.toList())
    }
}
