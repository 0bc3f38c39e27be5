package dev.edgeeffnet.demo

import android.content.Context
import edgeeffnet.core.EngineResult
import edgeeffnet.core.Statistics
import edgeeffnet.core.ThermalState

/** A benchmark in words. */
class BenchmarkTable(private val context: Context) {
    fun of(found: BenchmarkOutcome): String {
        val rows = found.choices.zip(found.results) { choice, result -> row(context.getString(choice.title), result) }
        val warmth = context.getString(R.string.benchmark_thermal, words(found.before), words(found.after))
        val facts = PhoneFacts.device()
        val phone = listOfNotNull(facts.manufacturer, facts.model, facts.soc, facts.android?.let { "Android $it" }, facts.abi).joinToString(", ")
        return (rows + listOf("", warmth, phone, context.getString(R.string.benchmark_model, found.loaded.name, context.runtime.name))).joinToString("\n")
    }

    private fun row(title: String, result: EngineResult): String {
        val samples = result.samples ?: return context.getString(R.string.benchmark_row_missing, title, result.failure)
        val all = samples.all
        return context.getString(
            R.string.benchmark_row, title, Statistics.median(all), Statistics.percentile(all, 0.9), samples.firstMs, result.initMs ?: 0.0, all.size,
        )
    }

    private fun words(state: ThermalState): String = state.status?.let { ThermalState.NAMES.getOrNull(it) ?: "$it" } ?: state.reason ?: ""
}
