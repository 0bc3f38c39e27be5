package dev.edgeeffnet.demo

import android.content.Context
import edgeeffnet.core.Benchmark
import edgeeffnet.core.BenchmarkJson
import edgeeffnet.core.BenchmarkPlan
import edgeeffnet.core.Contender
import edgeeffnet.core.EngineResult
import edgeeffnet.core.Model
import edgeeffnet.core.Preparer
import edgeeffnet.core.RgbImage
import edgeeffnet.core.ThermalState
import java.util.Random

/**
 * A benchmark that was run.
 *
 * @property document for `edge-effnet report`.
 */
class BenchmarkOutcome(
    val loaded: LoadedModel,
    val choices: List<EngineChoice>,
    val results: List<EngineResult>,
    val before: ThermalState,
    val after: ThermalState,
    val document: String,
)

/** Measures engines in turns. For a thread of its own. */
class BenchmarkRun(private val context: Context, private val plan: BenchmarkPlan) {
    /**
     * Measures.
     *
     * @param choices the engines; one that cannot be had is listed with the reason.
     * @return null if it was cancelled.
     * @throws edgeeffnet.core.ModelException if there is no model to measure.
     */
    fun measure(choices: List<EngineChoice>, progress: (Double) -> Unit, isCancelled: () -> Boolean): BenchmarkOutcome? {
        val loaded = ModelStore(context).load()
        val before = PhoneFacts.thermal(context)
        val opened = LinkedHashMap<EngineChoice, Engine>()
        val failures = HashMap<EngineChoice, EngineException>()
        try {
            for (choice in choices) {
                try {
                    opened[choice] = open(loaded.model, choice)
                } catch (fault: EngineException) {
                    failures[choice] = fault
                }
            }
            val results = results(loaded.model, choices, opened, failures, progress, isCancelled) ?: return null
            val after = PhoneFacts.thermal(context)
            val json = BenchmarkJson(PhoneFacts.device(), plan, version(), PhoneFacts.timeUtc())
            val document = json.document(loaded.name, loaded.model, results, before, after)
            return BenchmarkOutcome(loaded, choices, results, before, after, document)
        } finally {
            opened.values.forEach(Engine::close)
        }
    }

    private fun open(model: Model, choice: EngineChoice): Engine {
        val offer = context.runtime.offer(choice)
        if (offer is Offer.Missing) throw EngineException(context.getString(offer.reason))
        return context.runtime.open(model, choice)
    }

    private fun results(
        model: Model,
        choices: List<EngineChoice>,
        opened: Map<EngineChoice, Engine>,
        failures: Map<EngineChoice, EngineException>,
        progress: (Double) -> Unit,
        isCancelled: () -> Boolean,
    ): List<EngineResult>? {
        val input = Preparer(model).input(noise(model.preprocessing.resolutionPx))
        val contenders = opened.entries.map { (choice, engine) -> Contender(choice.id) { engine.run(input) } }
        val samples = Benchmark(plan).run(contenders, progress, isCancelled) ?: return null
        val measured = opened.keys.zip(samples).toMap()
        return choices.map { choice ->
            val fault = failures[choice]
            EngineResult(
                choice.record, choice.threads, choice.delegate, context.runtime.name, opened[choice]?.initMs, measured[choice],
                fault?.message, isMissing = context.runtime.offer(choice) is Offer.Missing,
            )
        }
    }

    /** Kernels for integers take the same time for every picture; for floats, noise avoids numbers that are slow for being tiny. */
    private fun noise(side: Int) = RgbImage(side, side, ByteArray(side * side * 3).also(Random(1)::nextBytes))

    @Suppress("DEPRECATION") // its successor needs API 33
    private fun version(): String = context.packageManager.getPackageInfo(context.packageName, 0).versionName ?: "unknown"
}
