package edgeeffnet.core

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.sin

/**
 * A resampling filter of Pillow's.
 *
 * References: Pillow, src/libImaging/Resample.c: the filters; `nearest` has no weights.
 *
 * @property label its name in contracts.
 * @property support how far it reaches to either side, in output pixels.
 */
enum class Resample(val label: String, val support: Double) {
    BICUBIC("bicubic", 2.0) {
        override fun weigh(x: Double): Double { // Keys's cubic with a = -1/2
            val far = abs(x)
            return when {
                far < 1 -> ((-0.5 + 2) * far - (-0.5 + 3)) * far * far + 1
                far < 2 -> (((far - 5) * far + 8) * far - 4) * -0.5
                else -> 0.0
            }
        }
    },
    BILINEAR("bilinear", 1.0) {
        override fun weigh(x: Double): Double = if (abs(x) < 1) 1 - abs(x) else 0.0
    },
    LANCZOS("lanczos", 3.0) {
        override fun weigh(x: Double): Double = if (x >= -3 && x < 3) sinc(x) * sinc(x / 3) else 0.0
    },
    NEAREST("nearest", 0.0) {
        override fun weigh(x: Double): Double = 0.0
    },
    BOX("box", 0.5) {
        override fun weigh(x: Double): Double = if (x > -0.5 && x <= 0.5) 1.0 else 0.0
    }, ;

    /** The filter at a distance from its centre. */
    abstract fun weigh(x: Double): Double

    companion object {
        /**
         * Finds a filter by its name in a contract.
         *
         * @throws ModelException if there is no such filter.
         */
        fun named(name: String): Resample = values().firstOrNull { it.label == name }
            ?: throw ModelException("the filter \"$name\" is unknown; ${values().joinToString { it.label }} are allowed")

        private fun sinc(x: Double): Double = if (x == 0.0) 1.0 else sin(x * PI) / (x * PI)
    }
}
