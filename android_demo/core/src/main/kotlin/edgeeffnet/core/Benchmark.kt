package edgeeffnet.core

/**
 * How to measure.
 *
 * @property warmUpRuns inferences before the first that counts.
 * @property turns how often each contender gets its turn; from six on there is an interval.
 * @property runsPerTurn inferences in a turn.
 */
class BenchmarkPlan(val warmUpRuns: Int = 10, val turns: Int = 6, val runsPerTurn: Int = 20) {
    init {
        require(warmUpRuns in 1..MOST && turns in 1..MOST && runsPerTurn in 1..MOST) { "a plan counts from 1 to $MOST" }
    }

    private companion object {
        const val MOST = 10_000
    }
}

/**
 * What is measured: one way to run the model.
 *
 * @property name for progress.
 * @property run one inference, the input being set.
 */
class Contender(val name: String, val run: () -> Unit)

/**
 * Raw times, in milliseconds.
 *
 * @property firstMs the very first inference.
 * @property warmUpMs the inferences before the measurement, the first among them.
 * @property rounds the measurement, turn by turn.
 */
class Samples(val firstMs: Double, val warmUpMs: DoubleArray, val rounds: List<DoubleArray>) {
    /** All of the measurement in order. */
    val all: DoubleArray = Statistics.joined(rounds)
}

/** Measures contenders in turns, one burst of each, so that a phone that becomes warm is as warm for each of them. */
class Benchmark(private val plan: BenchmarkPlan, private val nanoseconds: () -> Long = System::nanoTime) {
    /**
     * Measures.
     *
     * @param contenders at least one.
     * @param progress is told the share that is done, 0 to 1.
     * @param isCancelled is asked before each inference.
     * @return one entry a contender; null if it was cancelled.
     */
    fun run(contenders: List<Contender>, progress: (Double) -> Unit = {}, isCancelled: () -> Boolean = { false }): List<Samples>? {
        val total = contenders.size * (plan.warmUpRuns + plan.turns * plan.runsPerTurn)
        var done = 0
        fun burst(contender: Contender, runs: Int): DoubleArray? {
            val times = DoubleArray(runs)
            for (index in 0 until runs) {
                if (isCancelled()) return null
                times[index] = timed(contender)
                progress(++done / total.toDouble())
            }
            return times
        }
        val warmUps = contenders.map { burst(it, plan.warmUpRuns) ?: return null }
        val rounds = contenders.map { ArrayList<DoubleArray>() }
        repeat(plan.turns) {
            for ((place, contender) in contenders.withIndex()) rounds[place].add(burst(contender, plan.runsPerTurn) ?: return null)
        }
        return contenders.indices.map { Samples(warmUps[it][0], warmUps[it], rounds[it]) }
    }

    /** A clock of whole microseconds may say 0; no inference takes none, and a record allows none. */
    private fun timed(contender: Contender): Double {
        val begun = nanoseconds()
        contender.run()
        return maxOf(1L, nanoseconds() - begun) / 1e6
    }
}
