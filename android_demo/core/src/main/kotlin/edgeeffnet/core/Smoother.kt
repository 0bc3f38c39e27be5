package edgeeffnet.core

/**
 * An exponential mean over frames, so that labels do not flicker.
 *
 * @param share what the frames before count, 0 (nothing) to below 1.
 */
class Smoother(private val share: Float) {
    private var mean: FloatArray? = null

    init {
        require(share >= 0f && share < 1f) { "a share of $share; 0 to below 1 is allowed" }
    }

    /** Returns the mean, this frame included; the first frame counts whole. The array is kept: copy it to change it. */
    fun add(scores: FloatArray): FloatArray {
        val last = mean
        if (last == null || last.size != scores.size) return scores.copyOf().also { mean = it }
        for (index in last.indices) last[index] = share * last[index] + (1f - share) * scores[index]
        return last
    }

    /** Forgets the frames before: another camera, another model. */
    fun reset() {
        mean = null
    }
}
