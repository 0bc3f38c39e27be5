package dev.edgeeffnet.demo

import java.io.Closeable
import java.nio.ByteBuffer

/** Something that runs a model could not be had; the message is for the user. */
class EngineException(message: String, cause: Throwable? = null) : Exception(message, cause)

/**
 * One way to run a model, as the user chooses it.
 *
 * @property id kept in the settings.
 * @property title what the user reads.
 * @property threads of one inference.
 * @property record its name in a benchmark's document, as `edge-effnet bench` names it.
 * @property delegate what takes operators from the plain kernels, or null.
 */
enum class EngineChoice(val id: String, val title: Int, val threads: Int, val record: String, val delegate: String?) {
    XNNPACK_1("xnnpack-1", R.string.engine_xnnpack_1, 1, "xnnpack", "XNNPACK"),
    XNNPACK_2("xnnpack-2", R.string.engine_xnnpack_2, 2, "xnnpack", "XNNPACK"),
    XNNPACK_4("xnnpack-4", R.string.engine_xnnpack_4, 4, "xnnpack", "XNNPACK"),
    PLAIN("builtin-1", R.string.engine_plain, 1, "builtin", null),
    GPU("gpu", R.string.engine_gpu, 1, "delegate:gpu", "GPU"),
    ;

    companion object {
        /** Four threads are what a phone has fast cores for; fewer are offered to compare. */
        val DEFAULT = XNNPACK_4

        fun ofId(id: String?): EngineChoice = values().firstOrNull { it.id == id } ?: DEFAULT
    }
}

/** Whether a way to run models is there. */
sealed class Offer {
    object Available : Offer()

    /** @property reason for the user, a resource. */
    class Missing(val reason: Int) : Offer()
}

/**
 * A model that is ready to run. For the thread that opened it.
 *
 * @property choice what was asked for.
 * @property initMs from the file to the moment when the first inference could begin, in milliseconds.
 */
interface Engine : Closeable {
    val choice: EngineChoice
    val initMs: Double

    /**
     * Runs once.
     *
     * @param input a direct buffer in the order of this machine, from position 0.
     * @return the outputs, from position 0; the buffers are used again by the next call.
     * @throws EngineException if it fails.
     */
    fun run(input: ByteBuffer): List<ByteBuffer>
}

/** A runtime: what it offers on this phone, and models opened with it. */
interface InferenceRuntime {
    /** Name and version. */
    val name: String

    fun offer(choice: EngineChoice): Offer

    /**
     * Opens a model.
     *
     * @throws EngineException if the phone or the app lacks what it takes, or the model cannot be run.
     */
    fun open(model: edgeeffnet.core.Model, choice: EngineChoice): Engine
}
