package dev.edgeeffnet.demo

import edgeeffnet.core.Model
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Collections

/** The app with a runtime that runs nothing: no library of LiteRT is made for this machine's Java. */
class TestApplication : DemoApplication() {
    override val runtime = FakeRuntime()
}

/** Answers every input with the same class, and notes what was opened and closed. */
class FakeRuntime : InferenceRuntime {
    override val name = "fake 1.0"
    val opened: MutableList<EngineChoice> = Collections.synchronizedList(ArrayList())
    val closed: MutableList<EngineChoice> = Collections.synchronizedList(ArrayList())
    val broken = HashSet<EngineChoice>()

    @Volatile
    var failsToRun = false

    /** What every input gets. */
    @Volatile
    var answer = 2

    override fun offer(choice: EngineChoice): Offer = if (choice == EngineChoice.GPU) Offer.Missing(R.string.gpu_missing) else Offer.Available

    override fun open(model: Model, choice: EngineChoice): Engine {
        if (choice in broken) throw EngineException("broken: $choice")
        opened.add(choice)
        return FakeEngine(model, choice)
    }

    private inner class FakeEngine(private val model: Model, override val choice: EngineChoice) : Engine {
        override val initMs = 1.5

        override fun run(input: ByteBuffer): List<ByteBuffer> {
            if (failsToRun) throw EngineException("it broke down")
            check(input.isDirect && input.remaining() == model.input.sizeBytes)
            return model.outputs.mapIndexed { place, spec ->
                val bytes = ByteBuffer.allocateDirect(spec.sizeBytes).order(ByteOrder.nativeOrder())
                if (place == 0) bytes.put(answer, 127)
                bytes
            }
        }

        override fun close() {
            closed.add(choice)
        }
    }
}
