package dev.edgeeffnet.demo

import edgeeffnet.core.Model
import edgeeffnet.core.TensorSpec
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Delegate
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.TensorFlowLite

/** LiteRT (TensorFlow Lite): the only class that knows it. */
object LiteRt : InferenceRuntime {
    private const val GPU_CLASS = "org.tensorflow.lite.gpu.GpuDelegate"

    override val name: String by lazy {
        try {
            "LiteRT ${TensorFlowLite.runtimeVersion()}"
        } catch (missing: LinkageError) {
            "LiteRT (${missing.javaClass.simpleName})"
        }
    }

    override fun offer(choice: EngineChoice): Offer {
        if (choice != EngineChoice.GPU) return Offer.Available
        return try {
            Class.forName(GPU_CLASS)
            Offer.Available
        } catch (missing: ReflectiveOperationException) {
            Offer.Missing(R.string.gpu_missing)
        } catch (missing: LinkageError) {
            Offer.Missing(R.string.gpu_missing)
        }
    }

    override fun open(model: Model, choice: EngineChoice): Engine = try {
        LiteRtEngine(model, choice)
    } catch (fault: LinkageError) {
        throw EngineException("The runtime is not in this app for this phone's processor: ${fault.message}", fault)
    } catch (fault: ReflectiveOperationException) {
        throw EngineException("The delegate does not start: ${(fault.cause ?: fault).message}", fault)
    } catch (fault: RuntimeException) {
        throw EngineException("The model does not run with this engine: ${fault.message}", fault)
    }

    private class LiteRtEngine(model: Model, override val choice: EngineChoice) : Engine {
        private val delegate: Delegate?
        private val interpreter: Interpreter
        private val outputs: List<ByteBuffer> = model.outputs.map(::buffer)
        private val slots = HashMap<Int, Any>().apply { outputs.forEachIndexed { index, output -> put(index, output) } }
        private val inputs = arrayOfNulls<Any>(1)
        override val initMs: Double

        init {
            val begun = System.nanoTime()
            delegate = if (choice == EngineChoice.GPU) Class.forName(GPU_CLASS).getConstructor().newInstance() as Delegate else null
            val options = Interpreter.Options().setNumThreads(choice.threads).setUseXNNPACK(choice.delegate == "XNNPACK")
            delegate?.let(options::addDelegate)
            try {
                interpreter = Interpreter(model.bytes, options)
            } catch (fault: RuntimeException) {
                delegate?.close()
                throw fault
            }
            initMs = (System.nanoTime() - begun) / 1e6
        }

        override fun run(input: ByteBuffer): List<ByteBuffer> {
            inputs[0] = input
            for (output in outputs) output.rewind()
            try {
                interpreter.runForMultipleInputsOutputs(inputs, slots)
            } catch (fault: RuntimeException) {
                throw EngineException("The inference failed: ${fault.message}", fault)
            }
            for (output in outputs) output.rewind()
            return outputs
        }

        override fun close() {
            interpreter.close()
            delegate?.close()
        }

        private fun buffer(spec: TensorSpec): ByteBuffer = ByteBuffer.allocateDirect(spec.sizeBytes).order(ByteOrder.nativeOrder())
    }
}
