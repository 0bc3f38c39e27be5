package edgeeffnet.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Measuring, and the document that `edge-effnet report` reads. */
class BenchmarkTest {
    private var now = 0L

    private fun contender(name: String, log: MutableList<String>, nanoseconds: Long) = Contender(name) {
        log.add(name)
        now += nanoseconds
    }

    /** Contenders take turns, one burst of each, after all have warmed up. */
    @Test
    fun contendersTakeTurns() {
        val log = ArrayList<String>()
        val shares = ArrayList<Double>()
        val contenders = listOf(contender("a", log, 2_000_000), contender("b", log, 3_500_000))
        val samples = Benchmark(BenchmarkPlan(2, 3, 2)) { now }.run(contenders, shares::add)!!
        assertEquals("aabb" + "aabb".repeat(3), log.joinToString(""))
        assertArrayEquals(doubleArrayOf(2.0, 2.0), samples[0].warmUpMs, 0.0)
        assertEquals(3, samples[1].rounds.size)
        assertArrayEquals(DoubleArray(6) { 3.5 }, samples[1].all, 0.0)
        assertEquals(1.0, shares.last(), 0.0)
    }

    /** A measurement that was cancelled gives nothing, and stops at once. */
    @Test
    fun aCancelledMeasurementGivesNothing() {
        val log = ArrayList<String>()
        assertNull(Benchmark(BenchmarkPlan(2, 3, 2)) { now }.run(listOf(contender("a", log, 1)), isCancelled = { log.size == 3 }))
        assertEquals(3, log.size)
    }

    /** A clock that did not move gives the least time that a record allows, and a plan is of counts. */
    @Test
    fun noTimeIsZero() {
        val samples = Benchmark(BenchmarkPlan(1, 1, 1)) { now }.run(listOf(contender("a", ArrayList(), 0)))!!
        assertTrue(samples[0].firstMs > 0)
        assertThrows(IllegalArgumentException::class.java) { BenchmarkPlan(turns = 0) }
    }

    private fun document(thermal: Int? = 0, times: (Int) -> Double = { 5.0 + it % 7 * 0.01 }): Map<*, *> {
        val rounds = List(6) { turn -> DoubleArray(10) { times(10 * turn + it) } }
        return Json.parse(Example.document(Samples(20.0, DoubleArray(10) { 5.0 }, rounds), ThermalState(thermal, null))) as Map<*, *>
    }

    private fun codes(document: Map<*, *>): List<*> =
        (((document["results"] as List<*>)[0] as Map<*, *>)["notices"] as List<*>).map { (it as Map<*, *>)["code"] }

    /** The document has the raw samples by turns, and the statistics of just these samples. */
    @Test
    fun theDocumentHasTheRawSamples() {
        val (result, missing) = (document()["results"] as List<*>).map { it as Map<*, *> }
        val samples = Golden.doubles(result["samples_ms"])
        assertEquals(60, samples.size)
        assertEquals(List(6) { 10L }, result["rounds"])
        assertEquals(Statistics.median(samples), result["median_ms"] as Double, 1e-12)
        assertEquals(2, (result["ci95_ms"] as List<*>).size)
        assertEquals("xnnpack", result["engine"])
        assertEquals("missing", missing["status"])
        assertNull(missing["median_ms"])
        assertEquals(emptyList<Any>(), missing["notices"])
    }

    /** Those that took turns have a ratio, with an interval that holds it. */
    @Test
    fun contendersHaveARatio() {
        val random = java.util.Random(3)
        fun samples(time: Double) = Samples(time, DoubleArray(8) { time }, List(6) { DoubleArray(9) { time + 0.01 * random.nextDouble() } })
        val results = listOf(EngineResult("xnnpack", 1, null, null, 1.0, samples(8.0)), EngineResult("xnnpack", 4, null, null, 1.0, samples(2.0)))
        val text = BenchmarkJson(Example.device, BenchmarkPlan(8, 6, 9), "1.0", "2026-11-30T00:00:00+00:00")
            .document("m.tflite", Model.read(Golden.buffer("int8.tflite")), results, ThermalState(null, "old"), ThermalState(null, "old"))
        val ratio = ((Json.parse(text) as Map<*, *>)["ratios"] as List<*>).single() as Map<*, *>
        val (low, high) = Golden.doubles(ratio["ci95"]).toList()
        assertEquals(listOf(0L, 1L), listOf(ratio["a"], ratio["b"]))
        assertTrue(low <= ratio["ratio"] as Double && ratio["ratio"] as Double <= high)
        assertEquals(4.0, ratio["ratio"] as Double, 0.05)
    }

    /** What makes the figures worth less is in the document. */
    @Test
    fun whatMakesFiguresWorthLessIsSaid() {
        assertEquals(listOf("cold_start"), codes(document()))
        assertEquals(listOf("hot_device", "cold_start"), codes(document(thermal = 3)))
        assertTrue("throttling" in codes(document { if (it < 30) 5.0 else 6.0 }))
        assertTrue("noisy" in codes(document { if (it % 2 == 0) 5.0 else 9.0 }))
    }

    /** A phone that does not tell how warm it is says why. */
    @Test
    fun anUntoldTemperatureHasItsReason() {
        val source = ((document(thermal = null)["results"] as List<*>)[0] as Map<*, *>)["source"] as Map<*, *>
        val after = ((source["thermal"] as List<*>)[0] as Map<*, *>)["after"] as Map<*, *>
        assertNull(after["status"])
        assertTrue(after.containsKey("reason"))
    }
}
