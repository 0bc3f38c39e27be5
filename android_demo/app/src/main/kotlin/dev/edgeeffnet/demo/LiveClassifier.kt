package dev.edgeeffnet.demo

import edgeeffnet.core.Guess
import edgeeffnet.core.LatestFrame
import edgeeffnet.core.Latency
import edgeeffnet.core.PixelSize
import edgeeffnet.core.Preparer
import edgeeffnet.core.Scores
import edgeeffnet.core.Smoother
import edgeeffnet.core.TopK

/**
 * What a frame came to.
 *
 * @property upright size of the frame as it was looked at.
 * @property preprocessMs median of the last frames.
 * @property inferenceMs median of the last frames.
 * @property inferenceP90Ms 90th percentile of them.
 * @property lookedAtPerSecond frames a second that were looked at; null before the second.
 * @property heat map of the likeliest class, 0 to 1, (height, width); null where none is wanted or had.
 */
class LiveResult(
    val top: List<Guess>,
    val upright: PixelSize,
    val preprocessMs: Double,
    val inferenceMs: Double,
    val inferenceP90Ms: Double,
    val lookedAtPerSecond: Double?,
    val heat: FloatArray?,
)

/** Looks at frames, one after another. All of it on one thread, which is the engine's. */
class LiveClassifier(private val loaded: LoadedModel, private val show: (LiveResult) -> Unit) {
    private val model = loaded.model
    private val preparer = Preparer(model)
    private val scores = Scores(model)
    private val smoother = Smoother(SMOOTH)
    private val preprocessing = Latency()
    private val inference = Latency()
    private val rate = edgeeffnet.core.FrameRate()

    /** Null while none is open. */
    var engine: Engine? = null
        private set

    /** Whether a heat map is wanted. */
    @Volatile
    var wantsHeat = false

    /** Goes on with another engine; times of the one before are forgotten. */
    fun use(next: Engine?) {
        engine?.close()
        engine = next
        preprocessing.reset()
        inference.reset()
        smoother.reset()
    }

    /**
     * Looks at the frame that waits, if any.
     *
     * @throws EngineException if the engine fails.
     */
    fun look(frames: LatestFrame<CameraFrame>) {
        val frame = frames.take() ?: return // without an engine too: nobody is woken while one waits
        try {
            engine?.let { look(it, frame) }
        } finally {
            frames.giveBack(frame)
        }
    }

    private fun look(running: Engine, frame: CameraFrame) {
        val begun = System.nanoTime()
        val input = preparer.input(frame.pixels, frame.turn)
        val prepared = System.nanoTime()
        val outputs = running.run(input)
        val done = System.nanoTime()
        preprocessing.add((prepared - begun) / 1e6)
        inference.add((done - prepared) / 1e6)
        rate.add(done)
        val top = TopK.of(smoother.add(scores.of(outputs[0])), model.labels, SHOWN)
        val cam = model.cam?.takeIf { wantsHeat && top.isNotEmpty() }
        val heat = cam?.of(outputs[cam.features], top[0].index)?.copyOf()
        val upright = PixelSize(frame.pixels.width, frame.pixels.height).turned(frame.turn.degrees)
        show(LiveResult(top, upright, preprocessing.p50!!, inference.p50!!, inference.p90!!, rate.perSecond, heat))
    }

    companion object {
        /** Labels that are shown. */
        const val SHOWN = 3

        /** What the frames before count, as the desktop demo's default. */
        private const val SMOOTH = 0.5f
    }
}
