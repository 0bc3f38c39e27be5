package edgeeffnet.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * The model's input, filled again for each picture; nothing is allocated then.
 *
 * int8 = pixel - 128, uint8 = pixel, float32 = the pixel's value, 0 to 255.
 *
 * @param spec of the model's input, (1, size, size, 3).
 */
class InputTensor(private val spec: TensorSpec) {
    private val codes = ByteArray(if (spec.dtype == DType.FLOAT32) 0 else spec.count)
    private val values = FloatArray(if (spec.dtype == DType.FLOAT32) spec.count else 0)

    /** The tensor's bytes in the order of this machine, from position 0. */
    val buffer: ByteBuffer = ByteBuffer.allocateDirect(spec.sizeBytes).order(ByteOrder.nativeOrder())

    /**
     * Fills the tensor.
     *
     * @param pixels (size, size, 3) uint8 RGB.
     * @return [buffer], from position 0 to its end.
     */
    fun fill(pixels: ByteArray): ByteBuffer {
        require(pixels.size == spec.count) { "${pixels.size} values for an input of ${spec.count}" }
        buffer.clear()
        when (spec.dtype) {
            DType.UINT8 -> buffer.put(pixels)
            DType.INT8 -> {
                for (index in pixels.indices) codes[index] = (pixels[index].toInt() xor 0x80).toByte()
                buffer.put(codes)
            }
            DType.FLOAT32 -> {
                for (index in pixels.indices) values[index] = (pixels[index].toInt() and 255).toFloat()
                buffer.asFloatBuffer().put(values)
            }
        }
        buffer.rewind()
        return buffer
    }
}
