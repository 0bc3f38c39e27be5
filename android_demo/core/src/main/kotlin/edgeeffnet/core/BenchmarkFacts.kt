package edgeeffnet.core

/**
 * The phone, as far as it says.
 *
 * @property model name for buyers, such as "Pixel 9".
 * @property soc the processor's name.
 * @property android version, such as "16".
 * @property build the system's fingerprint.
 * @property abi instruction set of this process.
 */
class DeviceFacts(
    val manufacturer: String?,
    val model: String?,
    val soc: String?,
    val android: String?,
    val sdk: Int,
    val build: String?,
    val abi: String?,
    val abis: List<String>,
    val cores: Int,
    val machine: String?,
)

/**
 * How warm the phone was.
 *
 * @property status Android's thermal status, 0 to 6; null where it is not told.
 * @property reason why not.
 */
class ThermalState(val status: Int?, val reason: String?) {
    internal fun record(): Map<String, Any?> = linkedMapOf(
        "status" to status,
        "status_name" to status?.let { NAMES.getOrNull(it) },
        "hottest_c" to null,
        "reason" to reason,
    )

    companion object {
        /** By number. References: android.os.PowerManager, THERMAL_STATUS_*. */
        val NAMES = listOf("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
    }
}

/**
 * One contender's result.
 *
 * @property engine as `edge-effnet bench` names it: `xnnpack`, or `delegate:NAME`.
 * @property delegate what took operators from the plain kernels.
 * @property runtime name and version of the library.
 * @property initMs loading the model until the first inference could begin.
 * @property samples null where it did not run.
 * @property failure why it did not.
 * @property isMissing whether it did not because this phone or this app lacks it.
 */
class EngineResult(
    val engine: String,
    val threads: Int,
    val delegate: String?,
    val runtime: String?,
    val initMs: Double?,
    val samples: Samples?,
    val failure: String? = null,
    val isMissing: Boolean = false,
)
