package edgeeffnet.core

import kotlin.math.ceil

/** One axis of a picture and the part of it that becomes the square: `side` of `length` pixels from `from` on, to `size`. */
internal class Axis(val length: Int, val from: Double, side: Int, val size: Int) {
    /** Inputs per output. */
    val scale: Double = side.toDouble() / size
}

/**
 * The weights of one pass, as Pillow computes them: integers in steps of 2^-22, which reach past the square but not past
 * the picture.
 *
 * References: Pillow, src/libImaging/Resample.c: precompute_coeffs, normalize_coeffs_8bpc.
 */
internal class Taps(axis: Axis, resample: Resample) {
    private val stretch = maxOf(axis.scale, 1.0)
    private val support = resample.support * stretch

    /** Weights that are kept for an output; those that it does not use are zero. */
    val width: Int = ceil(support).toInt() * 2 + 1

    /** For each output the first input. */
    val first = IntArray(axis.size)

    /** For each output how many inputs. */
    val counts = IntArray(axis.size)

    /** `width` for each output. */
    val weights = IntArray(axis.size * width)

    init {
        val exact = DoubleArray(width)
        for (place in 0 until axis.size) {
            val centre = axis.from + (place + 0.5) * axis.scale
            val low = maxOf(0, (centre - support + 0.5).toInt())
            val count = minOf(axis.length, (centre + support + 0.5).toInt()) - low
            var sum = 0.0
            for (tap in 0 until count) {
                exact[tap] = resample.weigh((tap + low - centre + 0.5) * (1.0 / stretch))
                sum += exact[tap]
            }
            first[place] = low
            counts[place] = count
            for (tap in 0 until count) weights[place * width + tap] = rounded(if (sum == 0.0) exact[tap] else exact[tap] / sum)
        }
    }

    /** The first input that any output needs. */
    val start: Int = first[0]

    /** One behind the last. */
    val stop: Int = first[axis.size - 1] + counts[axis.size - 1]

    private fun rounded(weight: Double): Int = (weight * (1 shl BITS) + if (weight < 0) -0.5 else 0.5).toInt()

    companion object {
        /** Pillow's PRECISION_BITS: 32 less 8 for the pixel and 2 for the overshoot of the filter. */
        const val BITS = 22
    }
}
