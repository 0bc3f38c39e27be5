package dev.edgeeffnet.demo

import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.util.Size
import edgeeffnet.core.CameraSizes
import edgeeffnet.core.PixelSize
import kotlin.math.ceil

/**
 * A camera and the sizes that are asked of it.
 *
 * @property sensorDegrees by how much its sensor is turned against the device.
 * @property isFront whether it looks at the user; its preview is a mirror.
 * @property analysis size of the frames that the model looks at.
 * @property preview size of what is shown.
 * @property focusesItself whether it can focus continuously.
 */
class CameraChoice(
    val id: String,
    val sensorDegrees: Int,
    val isFront: Boolean,
    val analysis: PixelSize,
    val preview: PixelSize,
    val focusesItself: Boolean,
)

/** The phone's cameras. */
class Cameras(private val manager: CameraManager) {
    /** Whether there is a camera on either side; each is offered only if so. */
    val hasBoth: Boolean by lazy { ids(true).isNotEmpty() && ids(false).isNotEmpty() }

    /**
     * Chooses a camera.
     *
     * @param front the side that is wanted; the other is taken where there is none.
     * @param resolutionPx side of the model's square.
     * @param cropFraction what it is of the frame's short side.
     * @return null where the phone has no camera that an app may use.
     */
    fun choose(front: Boolean, resolutionPx: Int, cropFraction: Double): CameraChoice? {
        val id = (ids(front) + ids(!front)).firstOrNull() ?: return null
        val facts = manager.getCameraCharacteristics(id)
        val map = facts.get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP) ?: return null
        val frames = sizes(map.getOutputSizes(ImageFormat.YUV_420_888)).ifEmpty { return null }
        val analysis = CameraSizes.analysis(frames, ceil(resolutionPx / cropFraction).toInt())
        val modes = facts.get(CameraCharacteristics.CONTROL_AF_AVAILABLE_MODES) ?: IntArray(0)
        return CameraChoice(
            id,
            facts.get(CameraCharacteristics.SENSOR_ORIENTATION) ?: 0,
            facts.get(CameraCharacteristics.LENS_FACING) == CameraCharacteristics.LENS_FACING_FRONT,
            analysis,
            CameraSizes.preview(sizes(map.getOutputSizes(SurfaceTexture::class.java)), analysis),
            CameraCharacteristics.CONTROL_AF_MODE_CONTINUOUS_PICTURE in modes,
        )
    }

    /** External cameras count as those that look away from the user. */
    private fun ids(front: Boolean): List<String> = manager.cameraIdList.filter { id ->
        val facing = manager.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING)
        (facing == CameraCharacteristics.LENS_FACING_FRONT) == front
    }

    private fun sizes(sizes: Array<Size>?): List<PixelSize> = sizes.orEmpty().map { PixelSize(it.width, it.height) }
}
