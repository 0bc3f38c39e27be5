package edgeeffnet.core

/**
 * The times of the last frames, in milliseconds.
 *
 * @param window how many frames count; older ones are forgotten, so that a warm phone is seen as it is now.
 */
class Latency(private val window: Int = 100) {
    private val times = DoubleArray(window)
    private var added = 0L

    /** Counts one frame. */
    fun add(milliseconds: Double) {
        times[(added++ % window).toInt()] = milliseconds
    }

    val count: Int get() = minOf(added, window.toLong()).toInt()

    /** Returns a percentile of them; null before the first. */
    fun percentile(share: Double): Double? = if (count == 0) null else Statistics.percentile(times.copyOf(count), share)

    val p50: Double? get() = percentile(0.5)

    val p90: Double? get() = percentile(0.9)

    /** Forgets all: another engine, another model. */
    fun reset() {
        added = 0
    }
}

/**
 * Frames a second, over the last ones.
 *
 * @param window how many frames count.
 */
class FrameRate(private val window: Int = 30) {
    private val arrivals = LongArray(window)
    private var added = 0L

    /** Counts a frame that came at a time, in nanoseconds of any clock that never goes back. */
    fun add(nanoseconds: Long) {
        arrivals[(added++ % window).toInt()] = nanoseconds
    }

    /** Frames a second; null before the second frame. */
    val perSecond: Double?
        get() {
            val count = minOf(added, window.toLong()).toInt()
            if (count < 2) return null
            val newest = arrivals[((added - 1) % window).toInt()]
            val oldest = arrivals[((added - count) % window).toInt()]
            return if (newest > oldest) (count - 1) * 1e9 / (newest - oldest) else null
        }
}
