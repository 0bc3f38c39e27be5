package edgeeffnet.core

import java.util.Random
import kotlin.math.floor

/** Order statistics, in the unit of the samples. */
object Statistics {
    /** Resamplings for an interval; as `edge_effnet.bench.stats` draws. */
    private const val RESAMPLES = 1000
    private const val SEED = 20261124L

    /** With fewer turns no choice of them reaches 95 %. */
    const val LEAST_ROUNDS = 6

    /**
     * Returns a percentile, between neighbours on a line, the least value being 0 and the largest 1 (Python's
     * `statistics.quantiles(method="inclusive")`, numpy's default).
     *
     * @param values at least one, in any order.
     * @param share 0 to 1.
     */
    fun percentile(values: DoubleArray, share: Double): Double = ofSorted(values.sortedArray(), share)

    /** Returns the median; of an even number the mean of the two in the middle. */
    fun median(values: DoubleArray): Double = percentile(values, 0.5)

    private fun ofSorted(values: DoubleArray, share: Double): Double {
        require(values.isNotEmpty()) { "no sample to describe" }
        val place = share * (values.size - 1)
        val below = floor(place).toInt()
        if (below >= values.size - 1) return values[values.size - 1]
        return values[below] + (place - below) * (values[below + 1] - values[below])
    }

    /**
     * Returns the bootstrap 95 % interval of the median, turns drawn whole; null for fewer than six turns.
     *
     * Samples that follow each other resemble each other, so that single ones would give intervals that are too narrow.
     */
    fun medianInterval(rounds: List<DoubleArray>): DoubleArray? =
        interval(rounds.size) { drawn -> median(joined(drawn.map { rounds[it] })) }

    /** Returns the interval of median(a) / median(b) of two that were measured in turns: the same turns of both are drawn. */
    fun ratioInterval(a: List<DoubleArray>, b: List<DoubleArray>): DoubleArray? =
        interval(minOf(a.size, b.size)) { drawn -> median(joined(drawn.map { a[it] })) / median(joined(drawn.map { b[it] })) }

    private fun interval(turns: Int, figure: (List<Int>) -> Double): DoubleArray? {
        if (turns < LEAST_ROUNDS) return null
        val random = Random(SEED)
        val figures = DoubleArray(RESAMPLES) { figure(List(turns) { random.nextInt(turns) }) }
        figures.sort()
        return doubleArrayOf(ofSorted(figures, 0.025), ofSorted(figures, 0.975))
    }

    /** Joins samples by turns to one array. */
    fun joined(parts: List<DoubleArray>): DoubleArray {
        val all = DoubleArray(parts.sumOf { it.size })
        var at = 0
        for (part in parts) {
            part.copyInto(all, at)
            at += part.size
        }
        return all
    }
}
