package dev.edgeeffnet.demo

import android.content.Context
import android.os.Handler
import android.os.Looper
import edgeeffnet.core.LatestFrame
import edgeeffnet.core.ModelException

/**
 * The model at work, on a thread of its own. Ended once, and then done with.
 *
 * @param listener is told on the main thread, and nothing more after [end].
 */
class Inference(context: Context, private val listener: Listener) {
    /** Who is told. */
    interface Listener {
        /** The model is loaded; its engine comes next. */
        fun onModel(loaded: LoadedModel)

        /** An engine is ready. */
        fun onEngine(engine: Engine)

        /** Something does not work, in words for the user. */
        fun onInferenceProblem(words: String)

        fun onResult(result: LiveResult)
    }

    private val runtime = context.runtime
    private val store = ModelStore(context)
    private val settings = Settings(context)
    private val worker = Worker("inference")
    private val main = Handler(Looper.getMainLooper())
    private val results = Newest<LiveResult> { if (!isEnded) listener.onResult(it) }
    private var classifier: LiveClassifier? = null // on the worker only
    private var loaded: LoadedModel? = null

    @Volatile
    private var isEnded = false

    /** Whether a heat map is wanted. */
    @Volatile
    var wantsHeat = settings.showsHeat

    /** Loads the model and opens the engine of the settings. */
    fun start() = worker.post {
        try {
            val found = store.load()
            loaded = found
            classifier = LiveClassifier(found, results::post)
            tell { onModel(found) }
            open(settings.engine)
        } catch (fault: ModelException) {
            tell { onInferenceProblem(fault.message ?: "") }
        }
    }

    /** Goes on with another engine. */
    fun use(choice: EngineChoice) = worker.post { open(choice) }

    /** Looks at the frame that waits. */
    fun look(frames: LatestFrame<CameraFrame>) = worker.post {
        val running = classifier ?: return@post
        running.wantsHeat = wantsHeat
        try {
            running.look(frames)
        } catch (fault: EngineException) {
            running.use(null)
            tell { onInferenceProblem(fault.message ?: "") }
        }
    }

    /** Ends; waits for the inference that runs. */
    fun end() {
        isEnded = true
        worker.end { classifier?.use(null) }
    }

    /** Opens an engine; where it does not start, the default one, and says so. */
    private fun open(choice: EngineChoice) {
        val running = classifier ?: return
        running.use(null)
        try {
            val engine = runtime.open(loaded!!.model, choice)
            running.use(engine)
            tell { onEngine(engine) }
        } catch (fault: EngineException) {
            tell { onInferenceProblem(fault.message ?: "") }
            if (choice != EngineChoice.DEFAULT) {
                settings.engine = EngineChoice.DEFAULT
                open(EngineChoice.DEFAULT)
            }
        }
    }

    private fun tell(what: Listener.() -> Unit) {
        main.post { if (!isEnded) listener.what() }
    }
}
