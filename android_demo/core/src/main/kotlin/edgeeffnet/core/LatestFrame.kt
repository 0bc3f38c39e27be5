package edgeeffnet.core

/**
 * Hands frames from a camera to whoever looks at them: only the newest waits, and neither side ever waits for the other.
 *
 * Three frames are enough: one is being written, one waits, one is looked at.
 *
 * @param frames at least three, which are used again and again.
 */
class LatestFrame<T : Any>(frames: List<T>) {
    private val free = ArrayList(frames)
    private var waiting: T? = null

    /** Frames that were replaced before anyone looked at them. */
    var dropped = 0L
        private set

    init {
        require(frames.size >= 3) { "${frames.size} frames; 3 are needed" }
    }

    /**
     * Offers a frame.
     *
     * @param write fills it; what it throws is passed on, and nothing is offered.
     * @return whether someone has to be woken: no frame was waiting before.
     */
    fun offer(write: (T) -> Unit): Boolean {
        val frame = synchronized(this) { free.removeAt(free.size - 1) }
        try {
            write(frame)
        } catch (fault: RuntimeException) {
            giveBack(frame)
            throw fault
        }
        synchronized(this) {
            val replaced = waiting
            waiting = frame
            if (replaced != null) {
                free.add(replaced)
                dropped++
            }
            return replaced == null
        }
    }

    /** Takes the frame that waits, or null; it is to be given back. */
    @Synchronized
    fun take(): T? = waiting.also { waiting = null }

    /** Gives a frame back that was taken. */
    @Synchronized
    fun giveBack(frame: T) {
        free.add(frame)
    }
}
