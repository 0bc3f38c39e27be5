package edgeeffnet.core

/**
 * What makes a result worth less than it looks, by the rules and in the words of `edge_effnet/bench/notices.py` as far as
 * they apply to an app.
 */
internal object BenchmarkNotices {
    private const val FEW_RUNS = 30
    private const val WIDE = 0.1
    private const val DRIFT = 1.05
    private const val SLOW_START = 2.0

    /** Warm-up halves whose medians differ by more than this share are still changing. */
    private const val UNSTABLE = 0.1

    private class Rule(val code: String, val severity: String, val advice: String, val finds: (Samples, Map<String, Any?>) -> String?)

    private val RULES = listOf(
        Rule("few_rounds", "info", "raise the number of turns") { samples, _ ->
            "only ${samples.rounds.size} turns, too few for an interval".takeIf { samples.rounds.size < Statistics.LEAST_ROUNDS }
        },
        Rule("few_runs", "warning", "raise the number of runs") { samples, _ ->
            "only ${samples.all.size} samples".takeIf { samples.all.size < FEW_RUNS }
        },
        Rule("noisy", "warning", "close other apps, and compare ratios of one run, not times") { samples, _ -> noisy(samples.all) },
        Rule("throttling", "warning", "let it cool down, lower the number of runs, or improve the cooling") { samples, _ -> throttled(samples.all) },
        Rule("hot_device", "warning", "take it out of its case and away from the charger, and measure again when it is cool") { _, source -> hot(source) },
        Rule("cold", "warning", "raise the number of warm-up runs") { samples, _ ->
            "still changing after ${samples.warmUpMs.size} warm-up runs".takeIf { !isStable(samples.warmUpMs) }
        },
        Rule("cold_start", "info", "run one inference before the user waits for it") { samples, _ -> coldStart(samples) },
    )

    /** Returns `{code, severity, message, advice}` for each that applies. */
    fun of(samples: Samples?, source: Map<String, Any?>): List<Map<String, String>> = if (samples == null) {
        emptyList()
    } else {
        RULES.mapNotNull { rule ->
            rule.finds(samples, source)?.let {
                linkedMapOf("code" to rule.code, "severity" to rule.severity, "message" to it, "advice" to rule.advice)
            }
        }
    }

    /** Whether the second half of the warm-up was as fast as the last quarter of it. */
    fun isStable(warmUpMs: DoubleArray): Boolean {
        if (warmUpMs.size < 4) return false
        val half = Statistics.median(warmUpMs.copyOfRange(warmUpMs.size / 2, warmUpMs.size))
        val end = Statistics.median(warmUpMs.copyOfRange(warmUpMs.size * 3 / 4, warmUpMs.size))
        return kotlin.math.abs(half - end) <= UNSTABLE * end
    }

    private fun noisy(all: DoubleArray): String? {
        val apart = (Statistics.percentile(all, 0.75) - Statistics.percentile(all, 0.25)) / Statistics.median(all)
        return if (apart > WIDE) "the quartiles are ${Math.rint(100 * apart).toInt()} % of the median apart" else null
    }

    private fun throttled(all: DoubleArray): String? {
        if (all.size < FEW_RUNS) return null
        val third = all.size / 3
        val drift = Statistics.median(all.copyOfRange(all.size - third, all.size)) / Statistics.median(all.copyOf(third))
        return if (drift > DRIFT) "the last third was ${digits(drift, 2)} x as slow as the first" else null
    }

    private fun hot(source: Map<String, Any?>): String? {
        val turns = source["thermal"] as? List<*> ?: return null
        val worst = turns.mapNotNull { ((it as? Map<*, *>)?.get("after") as? Map<*, *>)?.get("status") as? Int }.maxOrNull() ?: 0
        return if (worst > 0) "the device's thermal status rose to ${ThermalState.NAMES.getOrNull(worst)}" else null
    }

    private fun coldStart(samples: Samples): String? {
        val times = samples.firstMs / Statistics.median(samples.all)
        return if (times > SLOW_START) "the first inference took ${digits(times, 1)} x the median" else null
    }

    private fun digits(value: Double, count: Int): String = java.lang.String.format(java.util.Locale.ROOT, "%.${count}f", value)
}
