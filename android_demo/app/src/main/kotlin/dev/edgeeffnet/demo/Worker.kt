package dev.edgeeffnet.demo

import android.os.Handler
import android.os.HandlerThread
import android.os.Looper

/** A thread of its own that does one thing after another; nothing of it runs after [end] but what was posted before. */
class Worker(name: String) {
    private val thread = HandlerThread(name).apply { start() }
    val handler = Handler(thread.looper)

    fun post(work: () -> Unit) {
        handler.post(work)
    }

    /** Does last things, ends the thread, and waits for that, but not for ever. */
    fun end(last: () -> Unit = {}) {
        handler.post {
            last()
            quit()
        }
        join()
    }

    /** Ends the thread when all that was posted is done. */
    fun quit() {
        thread.quitSafely()
    }

    /** Waits until the thread has ended, but not for ever. */
    fun join() = thread.join(PATIENCE_MS)

    private companion object {
        const val PATIENCE_MS = 2_000L
    }
}

/** Shows the newest of what another thread has to say: the main thread never has more than one of them waiting. */
class Newest<T : Any>(private val show: (T) -> Unit) {
    private val main = Handler(Looper.getMainLooper())
    private var waiting: T? = null

    /** From any thread. */
    @Synchronized
    fun post(value: T) {
        if (waiting == null) main.post(::next)
        waiting = value
    }

    private fun next() {
        val value = synchronized(this) { waiting.also { waiting = null } }
        if (value != null) show(value)
    }

    /** Forgets what waits; on the main thread, after which nothing older is shown. */
    @Synchronized
    fun clear() {
        waiting = null
    }
}
