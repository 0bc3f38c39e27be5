package edgeeffnet.core

import java.nio.ByteBuffer

/**
 * Reads the little of a `.tflite` file that a demo needs; nothing is copied but names and numbers.
 *
 * References: tensorflow/lite/schema/schema.fbs, version 3; the numbers below are those of its fields.
 *
 * @param bytes the whole file, position to limit.
 * @throws ModelException if it is no model, or cut off, or damaged.
 */
class TfliteReader(bytes: ByteBuffer) {
    private val data = FlatBuffer(bytes)
    private val model: Table
    private val graph: Table
    private val tensors: Vector

    init {
        if (data.size < 8 || data.uint(4) != IDENTIFIER) throw ModelException("this is no TensorFlow Lite model")
        model = data.root()
        val graphs = model.vector(MODEL_SUBGRAPHS)
        if (graphs.length < 1) throw ModelException("the model has no graph")
        graph = graphs.table(0)
        tensors = graph.vector(GRAPH_TENSORS)
    }

    val inputs: List<TensorSpec> by lazy { specs(GRAPH_INPUTS) }

    val outputs: List<TensorSpec> by lazy { specs(GRAPH_OUTPUTS) }

    /** Operators in the graph. */
    val operatorCount: Int get() = graph.vector(GRAPH_OPERATORS).length

    /** Returns an entry of the metadata, or null. */
    fun metadata(name: String): ByteBuffer? {
        val entries = model.vector(MODEL_METADATA)
        for (index in 0 until entries.length) {
            val entry = entries.table(index)
            if (isNamed(entry.vector(METADATA_NAME), name)) return bufferAt(entry.uint(METADATA_BUFFER))
        }
        return null
    }

    /** Returns the tensor of that name whose values are in the file, or null. */
    fun constant(name: String): ConstantTensor? {
        for (index in 0 until tensors.length) {
            val tensor = tensors.table(index)
            if (!isNamed(tensor.vector(TENSOR_NAME), name)) continue
            val spec = spec(tensor)
            val values = bufferAt(tensor.uint(TENSOR_BUFFER))
            return if (values.remaining() == spec.sizeBytes) ConstantTensor(spec, values) else null
        }
        return null
    }

    /** Whether output 0 is a softmax, possibly behind a change of type or shape. */
    fun endsInSoftmax(): Boolean {
        val operators = graph.vector(GRAPH_OPERATORS)
        val outputs = graph.vector(GRAPH_OUTPUTS)
        var wanted = if (outputs.length > 0) outputs.int(0) else return false
        for (index in operators.length - 1 downTo 0) {
            val operator = operators.table(index)
            if (!holds(operator.vector(OPERATOR_OUTPUTS), wanted)) continue
            val kind = kindOf(operator)
            if (kind !in PASSES_PROBABILITIES) return kind == SOFTMAX
            val inputs = operator.vector(OPERATOR_INPUTS)
            wanted = if (inputs.length > 0) inputs.int(0) else return false
        }
        return false
    }

    private fun holds(vector: Vector, value: Int): Boolean = (0 until minOf(vector.length, MOST_ENDS)).any { vector.int(it) == value }

    private fun kindOf(operator: Table): Int {
        val code = model.vector(MODEL_OPERATOR_CODES).table(operator.uint(OPERATOR_CODE).coerceAtMost(data.size.toLong()).toInt())
        return maxOf(code.byte(CODE_OLD_BUILTIN), code.int(CODE_BUILTIN))
    }

    private fun specs(field: Int): List<TensorSpec> {
        val indices = graph.vector(field)
        if (indices.length > MOST_ENDS) throw ModelException("the model has ${indices.length} inputs or outputs")
        return (0 until indices.length).map { spec(tensors.table(indices.int(it))) }
    }

    private fun spec(tensor: Table): TensorSpec {
        val name = tensor.vector(TENSOR_NAME).text()
        val code = tensor.byte(TENSOR_TYPE)
        val dtype = DType.values().firstOrNull { it.code == code }
            ?: throw ModelException("tensor \"$name\" is of type number $code; int8, uint8 or float32 is needed")
        val shape = tensor.vector(TENSOR_SHAPE)
        if (shape.length > MOST_AXES) throw ModelException("tensor \"$name\" has ${shape.length} axes")
        val sides = IntArray(shape.length) { shape.int(it) }
        if (sides.any { it < 1 }) throw ModelException("tensor \"$name\" has no fixed shape: (${sides.joinToString(", ")})")
        val quantisation = tensor.table(TENSOR_QUANTISATION)
        val scales = quantisation?.vector(QUANTISATION_SCALE)
        val zeros = quantisation?.vector(QUANTISATION_ZERO_POINT)
        val count = scales?.length ?: 0
        if (count > 0 && zeros!!.length != count) throw ModelException("tensor \"$name\" has $count scales and ${zeros.length} zero points")
        return TensorSpec(name, sides, dtype, FloatArray(count) { scales!!.float(it) }, IntArray(count) { zeros!!.long(it).toInt() })
    }

    private fun isNamed(found: Vector, name: String): Boolean {
        val wanted = name.toByteArray(Charsets.UTF_8)
        return found.length == wanted.size && found.bytes() == ByteBuffer.wrap(wanted)
    }

    /** Large models keep a buffer behind the flatbuffer, at an offset from the file's beginning. */
    private fun bufferAt(index: Long): ByteBuffer {
        val buffer = model.vector(MODEL_BUFFERS).table(index.coerceAtMost(data.size.toLong()).toInt())
        val offset = buffer.ulong(BUFFER_OFFSET)
        return if (offset > 1) data.slice(offset, buffer.ulong(BUFFER_SIZE)) else buffer.vector(BUFFER_DATA).bytes()
    }

    private companion object {
        const val IDENTIFIER = 0x334C4654L // "TFL3"
        const val MOST_AXES = 8
        const val MOST_ENDS = 64

        const val MODEL_OPERATOR_CODES = 1
        const val MODEL_SUBGRAPHS = 2
        const val MODEL_BUFFERS = 4
        const val MODEL_METADATA = 6
        const val CODE_OLD_BUILTIN = 0
        const val CODE_BUILTIN = 3
        const val GRAPH_TENSORS = 0
        const val GRAPH_INPUTS = 1
        const val GRAPH_OUTPUTS = 2
        const val GRAPH_OPERATORS = 3
        const val OPERATOR_CODE = 0
        const val OPERATOR_INPUTS = 1
        const val OPERATOR_OUTPUTS = 2
        const val TENSOR_SHAPE = 0
        const val TENSOR_TYPE = 1
        const val TENSOR_BUFFER = 2
        const val TENSOR_NAME = 3
        const val TENSOR_QUANTISATION = 4
        const val QUANTISATION_SCALE = 2
        const val QUANTISATION_ZERO_POINT = 3
        const val BUFFER_DATA = 0
        const val BUFFER_OFFSET = 1
        const val BUFFER_SIZE = 2
        const val METADATA_NAME = 0
        const val METADATA_BUFFER = 1

        const val SOFTMAX = 25
        val PASSES_PROBABILITIES = setOf(6, 22, 43, 114) // DEQUANTIZE, RESHAPE, SQUEEZE, QUANTIZE
    }
}
