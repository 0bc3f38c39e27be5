package dev.edgeeffnet.demo

import android.annotation.SuppressLint
import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.hardware.camera2.TotalCaptureResult
import android.media.Image
import android.media.ImageReader
import android.view.Surface
import edgeeffnet.core.FrameRate
import edgeeffnet.core.LatestFrame
import edgeeffnet.core.Orientation
import edgeeffnet.core.Plane
import edgeeffnet.core.Turn
import edgeeffnet.core.YuvFrame

/** A frame and how it becomes upright. */
class CameraFrame {
    val pixels = YuvFrame()
    var turn = Turn(0)
}

/**
 * A running camera: its preview goes to a texture, its newest frame waits in [frames]. Closed once, and then done with.
 *
 * The camera has a thread of its own on which frames are copied at once, so that it gets its buffers back however long the
 * model takes.
 *
 * @param display 90 times the screen's rotation; may change while it runs.
 * @param onFrame a frame waits and nobody was told yet; on the camera's thread.
 * @param onProblem the camera has stopped, and why, a resource; on the camera's thread.
 */
class CameraFeed(
    private val manager: CameraManager,
    val choice: CameraChoice,
    @Volatile var display: Int,
    private val onFrame: (LatestFrame<CameraFrame>) -> Unit,
    private val onProblem: (Int) -> Unit,
) {
    val frames = LatestFrame(List(3) { CameraFrame() })
    private val worker = Worker("camera")
    private val rate = FrameRate()
    private val reader = ImageReader.newInstance(choice.analysis.width, choice.analysis.height, ImageFormat.YUV_420_888, 3)
    private var device: CameraDevice? = null
    private var surface: Surface? = null
    private var isOpening = false // these two on the camera's thread only
    private var isClosed = false

    /** Frames a second that the camera gives, whether they are looked at or not. */
    val framesPerSecond: Double? get() = synchronized(rate) { rate.perSecond }

    /** Begins. The permission has been given, as far as the caller knows. */
    fun open(texture: SurfaceTexture) {
        texture.setDefaultBufferSize(choice.preview.width, choice.preview.height)
        surface = Surface(texture)
        reader.setOnImageAvailableListener({ receive() }, worker.handler)
        worker.post(::openDevice)
    }

    /** Ends; when it returns the camera is free for others, or will be in a moment. */
    fun close() {
        worker.post {
            isClosed = true
            device?.close()
            device = null
            reader.close()
            surface?.release()
            if (!isOpening) worker.quit() // else a camera that comes yet has to be closed on this thread
        }
        worker.join()
    }

    @SuppressLint("MissingPermission")
    private fun openDevice() = guarded {
        isOpening = true
        manager.openCamera(choice.id, states, worker.handler)
    }

    private val states = object : CameraDevice.StateCallback() {
        override fun onOpened(opened: CameraDevice) {
            isOpening = false
            if (isClosed) return stop(opened, R.string.camera_failed)
            device = opened
            guarded { begin(opened) }
        }

        override fun onDisconnected(gone: CameraDevice) = stop(gone, R.string.camera_taken)

        override fun onError(failed: CameraDevice, error: Int) = stop(
            failed,
            when (error) {
                ERROR_CAMERA_IN_USE, ERROR_MAX_CAMERAS_IN_USE -> R.string.camera_in_use
                ERROR_CAMERA_DISABLED -> R.string.camera_disabled
                else -> R.string.camera_failed
            },
        )
    }

    private fun stop(stopped: CameraDevice, reason: Int) {
        isOpening = false
        stopped.close()
        device = null
        if (isClosed) worker.quit() else onProblem(reason)
    }

    @Suppress("DEPRECATION") // its successor needs API 28
    private fun begin(opened: CameraDevice) {
        opened.createCaptureSession(listOf(surface!!, reader.surface), sessions, worker.handler)
    }

    private val sessions = object : CameraCaptureSession.StateCallback() {
        override fun onConfigured(session: CameraCaptureSession) {
            val opened = device ?: return
            guarded {
                val request = opened.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
                request.addTarget(surface!!)
                request.addTarget(reader.surface)
                if (choice.focusesItself) request.set(CaptureRequest.CONTROL_AF_MODE, CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE)
                session.setRepeatingRequest(request.build(), captures, worker.handler)
            }
        }

        override fun onConfigureFailed(session: CameraCaptureSession) {
            if (!isClosed) onProblem(R.string.camera_failed)
        }
    }

    private val captures = object : CameraCaptureSession.CaptureCallback() {
        override fun onCaptureCompleted(session: CameraCaptureSession, request: CaptureRequest, result: TotalCaptureResult) {
            synchronized(rate) { rate.add(System.nanoTime()) }
        }
    }

    private fun receive() {
        if (isClosed) return
        val image = reader.acquireLatestImage() ?: return
        val wakes = image.use { frames.offer { frame -> copy(it, frame) } }
        if (wakes) onFrame(frames)
    }

    private fun copy(image: Image, frame: CameraFrame) {
        val pixels = frame.pixels
        pixels.resize(image.width, image.height)
        frame.turn = Turn(Orientation.uprightDegrees(choice.sensorDegrees, display, choice.isFront))
        load(pixels.luma, image.planes[0], image.width, image.height)
        load(pixels.u, image.planes[1], pixels.chromaWidth, pixels.chromaHeight)
        load(pixels.v, image.planes[2], pixels.chromaWidth, pixels.chromaHeight)
    }

    private fun load(plane: Plane, from: Image.Plane, width: Int, height: Int) =
        plane.load(from.buffer, from.rowStride, from.pixelStride, width, height)

    /** A camera may go at any moment: what it then throws is one more way to learn of it. */
    private fun guarded(step: () -> Unit) {
        if (isClosed) return
        val reason = try {
            return step()
        } catch (fault: CameraAccessException) {
            if (fault.reason == CameraAccessException.CAMERA_DISABLED) R.string.camera_disabled else R.string.camera_failed
        } catch (fault: IllegalStateException) {
            R.string.camera_failed
        } catch (fault: IllegalArgumentException) {
            R.string.camera_failed
        } catch (fault: SecurityException) {
            R.string.camera_refused
        }
        isOpening = false
        onProblem(reason)
    }
}
