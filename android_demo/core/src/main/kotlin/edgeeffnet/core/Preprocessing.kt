package edgeeffnet.core

import kotlin.math.floor

/**
 * How a picture becomes the square that the network sees.
 *
 * @property resolutionPx side of the square.
 * @property cropFraction side of the central crop as a share of the short side, in (0, 1].
 * @property resample the filter.
 * @throws ModelException if a value is out of range.
 */
class Preprocessing(
    val resolutionPx: Int,
    val cropFraction: Double = DEFAULT_CROP_FRACTION,
    val resample: Resample = Resample.BICUBIC,
) {
    init {
        if (resolutionPx !in 1..MAX_RESOLUTION_PX) throw ModelException("the resolution is $resolutionPx px; 1 to $MAX_RESOLUTION_PX is allowed")
        if (!(cropFraction > 0 && cropFraction <= 1)) throw ModelException("the crop fraction is $cropFraction; above 0, at most 1 is allowed")
    }

    /** Name that is the same exactly when the pixels are. */
    val id: String get() = "square-${shortest(cropFraction)}-${resample.label}-${resolutionPx}px-v1"

    /** Returns the central square of a picture: side floor(crop * short side + 1/2), offsets that may end in a half. */
    fun square(widthPx: Int, heightPx: Int): Square {
        val side = maxOf(1, floor(cropFraction * minOf(widthPx, heightPx) + 0.5).toInt())
        return Square((widthPx - side) / 2.0, (heightPx - side) / 2.0, side)
    }

    /** Six digits, as Python's `:g` writes them. */
    private fun shortest(value: Double): String =
        java.math.BigDecimal(value).round(java.math.MathContext(6)).stripTrailingZeros().toPlainString()

    companion object {
        /** What is assumed of a model that does not say. */
        const val DEFAULT_CROP_FRACTION = 0.875

        private const val MAX_RESOLUTION_PX = 4096

        /** The record that this code carries out; another version could mean other pixels. */
        const val SCHEMA = "edge-effnet/preprocessing/1"

        /**
         * Reads the contract's record.
         *
         * @throws ModelException if it is of another version, or a field is missing or unusable.
         */
        fun parse(record: Map<String, Any?>): Preprocessing {
            val schema = record["schema"] ?: SCHEMA
            if (schema != SCHEMA) throw ModelException("the preprocessing is of version \"$schema\"; this app knows \"$SCHEMA\"")
            val resolution = record["resolution_px"] as? Number
            val crop = record["crop_fraction"] as? Number
            val name = record["resample"] as? String
            if (resolution == null || crop == null || name == null) {
                throw ModelException("the preprocessing record lacks resolution_px, crop_fraction or resample")
            }
            return Preprocessing(resolution.toInt(), crop.toDouble(), Resample.named(name))
        }
    }
}

/** A square in a picture, in pixels. */
class Square(val left: Double, val top: Double, val side: Int)
