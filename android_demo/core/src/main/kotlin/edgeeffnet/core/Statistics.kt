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
    fun medianInterval(rounds: List<DoubleArray>): DoubleArray? {
        if (rounds.size < LEAST_ROUNDS) return null
        val random = Random(SEED)
        val medians = DoubleArray(RESAMPLES) {
            median(DoubleArrayBuilder().also { drawn -> repeat(rounds.size) { drawn.add(rounds[random.nextInt(rounds.size)]) } }.done())
        }
        medians.sort()
        return doubleArrayOf(ofSorted(medians, 0.025), ofSorted(medians, 0.975))
    }
}

/** Joins arrays. */
internal class DoubleArrayBuilder {
    private val parts = ArrayList<DoubleArray>()

    fun add(part: DoubleArray) {
        parts.add(part)
    }

    fun done(): DoubleArray {
        val all = DoubleArray(parts.sumOf { it.size })
        var at = 0
        for (part in parts) {
            part.copyInto(all, at)
            at += part.size
        }
        return all
    }
}
