package edgeeffnet.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.DataFormatException
import kotlin.math.abs
import kotlin.math.ceil

/**
 * How one golden vector came out.
 *
 * @property inputIsEqual whether the input tensor has the hash that the contract gives.
 * @property inputSteps the largest difference, in steps of the codes; null where the contract gives only the hash and it differs.
 * @property outputSteps the largest difference of the output, in its steps.
 * @property top1 the class that came out.
 * @property mapApart the largest difference of the heat map, whose values are 0 to 1; null for a model without.
 * @property isGood whether all is within the contract's tolerances and the class is the right one.
 */
class GoldenResult(
    val inputIsEqual: Boolean,
    val inputSteps: Int?,
    val outputSteps: Int,
    val top1: Int,
    val mapApart: Float?,
    val isGood: Boolean,
)

/** The contract's own test: given pictures must lead to given tensors. */
class GoldenCheck(private val model: Model) {
    private val preparer = Preparer(model)

    /**
     * Checks every vector of the contract.
     *
     * @param decode makes a picture of the bytes of a PNG file.
     * @param run returns the model's outputs for an input, each from position 0.
     * @throws ModelException if a vector cannot be read.
     */
    fun run(decode: (ByteArray) -> RgbImage, run: (ByteBuffer) -> List<ByteBuffer>): List<GoldenResult> =
        model.golden.map { check(it, decode(it.png), run) }

    private fun check(vector: GoldenVector, picture: RgbImage, run: (ByteBuffer) -> List<ByteBuffer>): GoldenResult {
        val input = preparer.input(picture)
        val isEqual = Model.sha256Of(littleEndian(input, model.input)) == vector.inputSha256
        val inputSteps = if (isEqual) 0 else vector.input?.let { steps(input, unpacked(it, model.input), model.input) }
        val outputs = run(input)
        val output = outputs[0]
        val expected = unpacked(vector.output, model.output)
        val outputSteps = steps(output, expected, model.output)
        val values = FloatArray(model.output.count)
        Quantisation.dequantise(output, model.output, values)
        val top1 = TopK.first(values)
        val mapApart = mapApart(vector, outputs)
        val isNear = inputSteps != null && inputSteps <= vector.inputTolerance && outputSteps <= vector.outputTolerance
        val isGood = isNear && top1 == vector.top1 && (mapApart ?: 0f) <= MAP_TOLERANCE
        return GoldenResult(isEqual, inputSteps, outputSteps, top1, mapApart, isGood)
    }

    private fun mapApart(vector: GoldenVector, outputs: List<ByteBuffer>): Float? {
        val cam = model.cam ?: return null
        val packed = vector.map ?: return null
        val found = cam.of(outputs[cam.features], vector.top1)
        val expected = inflated(packed, 4 * found.size)
        return found.indices.maxOf { abs(found[it] - expected.getFloat(4 * it)) }
    }

    private fun unpacked(packed: ByteArray, spec: TensorSpec): ByteBuffer = inflated(packed, spec.sizeBytes)

    private fun inflated(packed: ByteArray, size: Int): ByteBuffer = try {
        ByteBuffer.wrap(Packed.inflate(packed, size)).order(ByteOrder.LITTLE_ENDIAN)
    } catch (damaged: DataFormatException) {
        throw ModelException("a golden vector cannot be unpacked: ${damaged.message}", damaged)
    }

    private fun littleEndian(bytes: ByteBuffer, spec: TensorSpec): ByteBuffer {
        if (spec.dtype != DType.FLOAT32 || ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) return bytes
        val from = bytes.duplicate().order(ByteOrder.nativeOrder())
        val to = ByteBuffer.allocate(spec.sizeBytes).order(ByteOrder.LITTLE_ENDIAN)
        for (index in 0 until spec.count) to.putFloat(4 * index, from.getFloat(4 * index))
        return to
    }

    /** The largest difference: of codes in steps; of float inputs in pixel values; of float outputs in thousandths. */
    private fun steps(found: ByteBuffer, expected: ByteBuffer, spec: TensorSpec): Int {
        val given = found.duplicate().order(ByteOrder.nativeOrder())
        var most = 0
        for (index in 0 until spec.count) {
            val apart = when (spec.dtype) {
                DType.INT8 -> abs(given.get(index) - expected.get(index))
                DType.UINT8 -> abs((given.get(index).toInt() and 255) - (expected.get(index).toInt() and 255))
                DType.FLOAT32 -> ceil(abs(given.getFloat(4 * index) - expected.getFloat(4 * index)) * floatSteps(spec)).toInt()
            }
            most = maxOf(most, apart)
        }
        return most
    }

    private fun floatSteps(spec: TensorSpec): Float = if (spec === model.input) 1f else FLOAT_STEPS

    private companion object {
        const val FLOAT_STEPS = 1000f

        /** Engines differ by a step or two of the features; a map of other weights or another place differs by far more. */
        const val MAP_TOLERANCE = 0.1f
    }
}
