package edgeeffnet.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.exp

/** From codes to numbers. */
object Quantisation {
    /**
     * Reads a tensor as numbers: (code - zero point) * scale; codes without a scale count as they are.
     *
     * @param bytes the tensor, from position 0, in the order of this machine.
     * @param to as many numbers as the tensor has.
     */
    fun dequantise(bytes: ByteBuffer, spec: TensorSpec, to: FloatArray) {
        require(spec.scales.size <= 1) { "the scales of ${spec.name} are one a channel" }
        val scale = spec.scales.firstOrNull() ?: 1f
        val zero = spec.zeroPoints.firstOrNull() ?: 0
        val data = bytes.duplicate().order(ByteOrder.nativeOrder())
        for (index in 0 until spec.count) {
            to[index] = when (spec.dtype) {
                DType.FLOAT32 -> data.getFloat(4 * index)
                DType.INT8 -> (data.get(index) - zero) * scale
                DType.UINT8 -> ((data.get(index).toInt() and 255) - zero) * scale
            }
        }
    }

    /** Turns logits into probabilities, in place; the largest is taken away first, so that none overflows. */
    fun softmax(values: FloatArray) {
        var most = Float.NEGATIVE_INFINITY
        for (value in values) if (value > most) most = value
        var sum = 0.0
        for (index in values.indices) {
            val power = exp((values[index] - most).toDouble())
            values[index] = power.toFloat()
            sum += power
        }
        for (index in values.indices) values[index] = (values[index] / sum).toFloat()
    }
}
