package edgeeffnet.core

/**
 * A benchmark as a document of `edge-effnet bench --json` (edge_effnet/schemas/bench.json), which `edge-effnet report` and
 * `edge-effnet compare` read.
 */
class BenchmarkJson(
    private val device: DeviceFacts,
    private val plan: BenchmarkPlan,
    private val app: String,
    private val timeUtc: String,
) {
    /**
     * Returns the document.
     *
     * @param name of the model's file.
     * @param before how warm the phone was before the first inference.
     * @param after and behind the last.
     */
    fun document(name: String, model: Model, results: List<EngineResult>, before: ThermalState, after: ThermalState): String {
        val source = linkedMapOf(
            "app" to app,
            "thermal" to listOf(linkedMapOf("before" to before.record(), "after" to after.record())),
            "notes" to model.notes,
            "delegation" to "not told: the runtime's Java interface does not say which operators a delegate took",
        )
        return JsonWriter.write(
            linkedMapOf(
                "schema_version" to 1,
                "host" to host(),
                "plan" to planRecord(),
                "results" to results.map { result(name, model, it, source) },
                "ratios" to ratios(results),
            ),
        )
    }

    /** Contenders were measured in turns, so that their ratio is surer than their times. */
    private fun ratios(results: List<EngineResult>): List<Map<String, Any?>> {
        val measured = results.indices.filter { results[it].samples != null }
        return measured.flatMap { a -> measured.filter { it > a }.map { b -> ratio(a, results[a].samples!!, b, results[b].samples!!) } }
    }

    private fun ratio(a: Int, first: Samples, b: Int, second: Samples): Map<String, Any?> = linkedMapOf(
        "a" to a,
        "b" to b,
        "ratio" to Statistics.median(first.all) / Statistics.median(second.all),
        "ci95" to Statistics.ratioInterval(first.rounds, second.rounds),
    )

    private fun facts(): LinkedHashMap<String, Any?> = linkedMapOf(
        "machine" to (device.machine ?: device.abi),
        "system" to device.android?.let { "Android $it" },
        "cpu" to (device.soc ?: device.model),
        "cores" to device.cores,
        "governor" to null,
        "frequency_mhz" to null,
        "load_average" to null,
        "temperature_c" to null,
        "container" to linkedMapOf("cpu_quota" to null, "memory_limit_bytes" to null),
    )

    private fun host(): Map<String, Any?> = facts().apply {
        putAll(linkedMapOf("versions" to linkedMapOf("edge-effnet demo" to app), "commit" to null, "dirty" to null, "time_utc" to timeUtc))
    }

    private fun deviceRecord(): Map<String, Any?> = facts().apply {
        this["android"] = linkedMapOf(
            "manufacturer" to device.manufacturer,
            "model" to device.model,
            "soc" to device.soc,
            "android" to device.android,
            "sdk" to device.sdk.toString(),
            "build" to device.build,
            "abi" to device.abi,
            "abilist" to device.abis.joinToString(","),
        )
    }

    private fun planRecord(): Map<String, Any?> = linkedMapOf(
        "warm_up_runs" to plan.warmUpRuns,
        "turns" to plan.turns,
        "runs_per_turn" to plan.runsPerTurn,
        "order" to "in turns, one burst of each",
        "measured" to "one call of run on buffers that were filled before; the copies in and out are in it",
    )

    private fun result(name: String, model: Model, result: EngineResult, source: Map<String, Any?>): Map<String, Any?> {
        val record = linkedMapOf<String, Any?>(
            "model" to name,
            "sha256" to model.sha256,
            "size_bytes" to model.bytes.remaining(),
            "engine" to result.engine,
            "target" to TARGET,
            "threads" to result.threads,
            "cpus" to emptyList<Int>(),
            "timing" to "measured",
            "status" to if (result.samples != null) "ok" else if (result.isMissing) "missing" else "failed",
            "reason" to result.failure,
            "fix" to null,
        )
        record.putAll(times(result.samples))
        record["init_ms"] = result.initMs
        record.putAll(
            linkedMapOf(
                "peak_rss_bytes" to null, "energy_j_per_inference" to null, "runtime" to result.runtime, "delegate" to result.delegate,
                "delegated_ops" to null, "total_ops" to model.operatorCount, "partitions" to null, "accelerator" to null,
                "instructions" to null, "instructions_spread" to null, "device" to deviceRecord(), "source" to source,
            ),
        )
        record["notices"] = BenchmarkNotices.of(result.samples, source)
        return record
    }

    private fun times(samples: Samples?): Map<String, Any?> {
        val all = samples?.all
        fun share(value: Double) = all?.let { Statistics.percentile(it, value) }
        val median = share(0.5)
        return linkedMapOf(
            "median_ms" to median,
            "ci95_ms" to samples?.let { Statistics.medianInterval(it.rounds) },
            "p90_ms" to share(0.9),
            "p99_ms" to share(0.99),
            "iqr_ms" to all?.let { share(0.75)!! - share(0.25)!! },
            "min_ms" to all?.min(),
            "mean_ms" to all?.average(),
            "throughput_per_s" to median?.let { 1e3 / it },
            "n" to all?.size,
            "rounds" to samples?.rounds?.map { it.size },
            "samples_ms" to all,
            "warm_up" to samples?.let { warmUp(it) },
            "first_ms" to samples?.firstMs,
        )
    }

    private fun warmUp(samples: Samples): Map<String, Any?> = linkedMapOf(
        "runs" to samples.warmUpMs.size,
        "seconds" to samples.warmUpMs.sum() / 1e3,
        "stable" to BenchmarkNotices.isStable(samples.warmUpMs),
    )

    private companion object {
        /** Where it was measured, in the record's terms: by the app on the phone itself. */
        const val TARGET = "android-app"
    }
}
