package edgeeffnet.core

/** A benchmark of an invented phone, to look at the document. */
internal object Example {
    val device = DeviceFacts(
        manufacturer = "Example", model = "Phone 1", soc = "Example SoC", android = "16", sdk = 36, build = "example/phone/1:16",
        abi = "arm64-v8a", abis = listOf("arm64-v8a", "armeabi-v7a"), cores = 8, machine = "aarch64",
    )

    fun document(samples: Samples, after: ThermalState, model: Model = Model.read(Golden.buffer("int8.tflite")), name: String = "int8.tflite"): String {
        val results = listOf(
            EngineResult("xnnpack", 4, "XNNPACK", "TensorFlow Lite 2.16.1", 12.5, samples),
            EngineResult("delegate:gpu", 1, null, null, null, null, "the GPU delegate is not in this app", isMissing = true),
        )
        val plan = BenchmarkPlan(samples.warmUpMs.size, samples.rounds.size, samples.rounds[0].size)
        return BenchmarkJson(device, plan, "1.0", "2026-11-30T01:02:03+00:00").document(name, model, results, ThermalState(0, null), after)
    }
}
