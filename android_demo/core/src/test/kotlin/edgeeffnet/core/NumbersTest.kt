package edgeeffnet.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Statistics, scores and colours, against Python. */
class NumbersTest {
    private val golden = Golden.json("numbers.json")

    /** Percentiles are those of the desktop demo. */
    @Test
    fun percentilesAreThoseOfTheDesktopDemo() {
        val samples = Golden.doubles(golden["samples"])
        for ((share, expected) in golden["percentiles"] as Map<*, *>) {
            assertEquals(expected as Double, Statistics.percentile(samples, (share as String).toDouble()), 1e-9)
        }
        assertEquals(5.0, Statistics.percentile(doubleArrayOf(5.0), 0.9), 0.0)
        assertThrows(IllegalArgumentException::class.java) { Statistics.percentile(DoubleArray(0), 0.5) }
    }

    /** Only the newest frames count. */
    @Test
    fun oldTimesAreForgotten() {
        val latency = Latency(3)
        assertNull(latency.p50)
        for (time in listOf(100.0, 1.0, 2.0, 3.0)) latency.add(time)
        assertEquals(2.0, latency.p50!!, 0.0)
        assertEquals(2.8, latency.p90!!, 1e-9)
        latency.reset()
        assertNull(latency.p90)
    }

    /** Frames a second are counted between the first and the last arrival in the window. */
    @Test
    fun theFrameRateIsThatOfArrivals() {
        val rate = FrameRate(4)
        assertNull(rate.perSecond)
        rate.add(0)
        assertNull(rate.perSecond)
        for (frame in 1..9) rate.add(frame * 50_000_000L)
        assertEquals(20.0, rate.perSecond!!, 1e-9)
    }

    /** The mean over frames is that of the desktop demo. */
    @Test
    fun smoothingIsThatOfTheDesktopDemo() {
        val smoother = Smoother(0.7f)
        val rows = (golden["scores"] as List<*>).zip(golden["smoothed"] as List<*>)
        for ((scores, expected) in rows) assertArrayEquals(Golden.floats(expected), smoother.add(Golden.floats(scores)), 1e-6f)
        smoother.reset()
        assertArrayEquals(floatArrayOf(1f), smoother.add(floatArrayOf(1f)), 0f)
        assertThrows(IllegalArgumentException::class.java) { Smoother(1f) }
    }

    /** Of equal scores the lowest index comes first, and what is below the threshold is left out. */
    @Test
    fun tiesGoToTheLowestIndex() {
        val ties = Golden.floats(golden["ties"])
        val found = TopK.of(ties, "abcdef".map { it.toString() }, 4, 0.3f)
        assertEquals((golden["best"] as List<*>).map { (it as Long).toInt() }, found.map { it.index })
        assertEquals(1, TopK.first(ties))
        assertTrue(TopK.of(ties, "abcdef".map { it.toString() }, 0).isEmpty())
        assertTrue(TopK.of(floatArrayOf(Float.NaN), listOf("a"), 3).isEmpty())
    }

    /** The best k are those of a full sort. */
    @Test
    fun topKIsTheHeadOfASort() {
        val labels = List(200) { "$it" }
        for (seed in 0 until 20) {
            val scores = FloatArray(200).also { all -> Golden.noise(200, seed).forEachIndexed { at, code -> all[at] = (code.toInt() and 15) / 16f } }
            val sorted = scores.indices.sortedWith(compareByDescending<Int> { scores[it] }.thenBy { it })
            for (count in listOf(1, 5, 200, 500)) assertEquals(sorted.take(count), TopK.of(scores, labels, count).map { it.index })
        }
    }

    /** Logits become the probabilities that numpy computes, also where they are too large for a float's power. */
    @Test
    fun softmaxIsThatOfNumpy() {
        val logits = Golden.floats(golden["logits"])
        Quantisation.softmax(logits)
        assertArrayEquals(Golden.floats(golden["probabilities"]), logits, 1e-6f)
        val huge = floatArrayOf(1e30f, 1e30f, -1e30f)
        Quantisation.softmax(huge)
        assertArrayEquals(floatArrayOf(0.5f, 0.5f, 0f), huge, 0f)
    }

    /** Codes become numbers by scale and zero point, int8 and uint8 alike, and float stays as it is. */
    @Test
    fun codesBecomeNumbers() {
        fun spec(dtype: DType, zero: Int) = TensorSpec("t", intArrayOf(1, 2), dtype, floatArrayOf(0.5f), intArrayOf(zero))
        val found = FloatArray(2)
        Quantisation.dequantise(Golden.native(byteArrayOf(-128, 127)), spec(DType.INT8, -28), found)
        assertArrayEquals(floatArrayOf(-50f, 77.5f), found, 0f)
        Quantisation.dequantise(Golden.native(byteArrayOf(0, -1)), spec(DType.UINT8, 100), found)
        assertArrayEquals(floatArrayOf(-50f, 77.5f), found, 0f)
        val floats = Golden.native(ByteArray(8)).apply { putFloat(0, 3f).putFloat(4, -4f) }
        Quantisation.dequantise(floats, TensorSpec("t", intArrayOf(1, 2), DType.FLOAT32, FloatArray(0), IntArray(0)), found)
        assertArrayEquals(floatArrayOf(3f, -4f), found, 0f)
    }

    /** Transparency is laid over white as Pillow does it, from numbers and from bytes alike. */
    @Test
    fun transparencyIsLaidOverWhite() {
        val case = (Golden.json("preprocessing.json")["rest"] as Map<*, *>)["alpha"] as Map<*, *>
        val side = (case["side"] as Long).toInt()
        val rgba = Golden.noise(side * side * 4, (case["seed"] as Long).toInt())
        val argb = IntArray(side * side) { at ->
            val code = { channel: Int -> rgba[4 * at + channel].toInt() and 255 }
            (code(3) shl 24) or (code(0) shl 16) or (code(1) shl 8) or code(2)
        }
        assertEquals(case["sha256"], Golden.digest(RgbImage.fromArgb(argb, side, side).bytes))
        assertEquals(case["sha256"], Golden.digest(RgbImage.fromRgba(Golden.native(rgba), side, side, 4 * side).bytes))
    }

    /** Fewer than six turns give no interval; more give one that holds the median. */
    @Test
    fun anIntervalNeedsSixTurns() {
        val rounds = List(6) { turn -> DoubleArray(10) { 1.0 + turn * 0.1 + it * 0.01 } }
        assertNull(Statistics.medianInterval(rounds.take(5)))
        val (low, high) = Statistics.medianInterval(rounds)!!.toList()
        val median = Statistics.median(rounds.flatMap { it.toList() }.toDoubleArray())
        assertTrue("$low $median $high", low < median && median < high && low > 1.0 && high < 1.6)
    }
}
