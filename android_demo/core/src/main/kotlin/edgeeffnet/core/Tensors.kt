package edgeeffnet.core

import java.nio.ByteBuffer

/** The types of tensors that classifiers have at their ends, with TFLite's number and the size in bytes. */
enum class DType(val label: String, val code: Int, val bytes: Int) {
    FLOAT32("float32", 0, 4),
    UINT8("uint8", 3, 1),
    INT8("int8", 9, 1),
}

/**
 * What is known of a tensor.
 *
 * @property shape as the file says, for example (1, 224, 224, 3).
 * @property scales of the codes: one, one a channel, or none.
 * @property zeroPoints as many as scales.
 */
class TensorSpec(
    val name: String,
    val shape: IntArray,
    val dtype: DType,
    val scales: FloatArray,
    val zeroPoints: IntArray,
) {
    /** Numbers in it. */
    val count: Int = shape.fold(1L) { product, side -> minOf(product * side, MOST) }.toInt()

    val sizeBytes: Int get() = count * dtype.bytes

    /** For messages: `int8 (1, 224, 224, 3)`. */
    override fun toString(): String = "${dtype.label} (${shape.joinToString(", ")})"

    private companion object {
        /** More than any tensor at the end of an image classifier, little enough that bytes can be counted in an Int. */
        const val MOST = 1L shl 28
    }
}

/** A tensor whose values lie in the file. */
class ConstantTensor(val spec: TensorSpec, val values: ByteBuffer)
