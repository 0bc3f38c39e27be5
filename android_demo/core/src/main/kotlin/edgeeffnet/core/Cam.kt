package edgeeffnet.core

import java.nio.ByteBuffer

/**
 * Where in the square a class was seen: the class activation map, from the model's own last feature map.
 *
 * map[y, x] = sum over c of weights[class, c] * features[y, x, c], both as numbers; what is below 0 counts as 0, and the
 * largest becomes 1.
 *
 * References: B. Zhou et al., Learning Deep Features for Discriminative Localization, CVPR 2016.
 *
 * @property features which output of the model the feature map is.
 * @property spec of the feature map, (1, height, width, channels).
 */
class Cam private constructor(val features: Int, val spec: TensorSpec, private val weights: ConstantTensor) {
    val height: Int get() = spec.shape[1]
    val width: Int get() = spec.shape[2]
    private val channels = spec.shape[3]
    private val row = FloatArray(channels)
    private val values = FloatArray(spec.count)

    /** (height, width): the last map, 0 to 1. */
    val map = FloatArray(height * width)

    /**
     * Makes the map of a class; all 0 where nothing speaks for it. Returns [map].
     *
     * @param bytes of the feature map, from position 0, in the order of this machine.
     */
    fun of(bytes: ByteBuffer, index: Int): FloatArray {
        Quantisation.dequantise(bytes, spec, values)
        readWeights(index)
        var most = 0f
        for (place in map.indices) {
            var sum = 0.0
            for (channel in 0 until channels) sum += row[channel].toDouble() * values[place * channels + channel]
            map[place] = maxOf(0.0, sum).toFloat()
            most = maxOf(most, map[place])
        }
        if (most > 0f) for (place in map.indices) map[place] /= most
        return map
    }

    private fun readWeights(index: Int) {
        val scales = weights.spec.scales
        val scale = if (scales.isEmpty()) 1f else scales[if (scales.size == 1) 0 else index]
        val zero = weights.spec.zeroPoints.let { if (it.isEmpty()) 0 else it[if (it.size == 1) 0 else index] }
        val start = index * channels
        for (channel in 0 until channels) {
            row[channel] = when (weights.spec.dtype) {
                DType.FLOAT32 -> weights.values.getFloat(4 * (start + channel))
                DType.INT8 -> (weights.values.get(start + channel) - zero) * scale
                DType.UINT8 -> ((weights.values.get(start + channel).toInt() and 255) - zero) * scale
            }
        }
    }

    companion object {
        /** The contract's word for this way to make maps. */
        const val METHOD = "cam"

        /** Finds the parts that the contract names. */
        internal fun of(reader: TfliteReader, explain: Explain, outputs: List<TensorSpec>): Cam {
            val features = outputs.getOrNull(explain.featuresOutput)
                ?: throw ModelException("the contract's feature map is output ${explain.featuresOutput}; the model has ${outputs.size}")
            val weights = reader.constant(explain.weights)
                ?: throw ModelException("the model has no constant tensor \"${explain.weights}\", which the contract names")
            val channels = features.shape.lastOrNull()
            val classes = outputs[0].shape.last()
            val spec = weights.spec
            val fits = features.shape.size == 4 && features.shape[0] == 1 && features.scales.size <= 1 &&
                spec.shape.size in listOf(2, 4) && spec.shape.first() == classes && spec.shape.last() == channels &&
                spec.count == classes * channels && spec.scales.size in listOf(0, 1, classes)
            if (!fits) throw ModelException("the weights $spec do not fit the feature map $features and $classes classes")
            return Cam(explain.featuresOutput, features, weights)
        }
    }
}
