package edgeeffnet.core

import java.nio.ByteBuffer

/**
 * One picture with the input and the output that it must lead to.
 *
 * @property png the picture's file.
 * @property inputSha256 of the input tensor's bytes.
 * @property input the tensor itself, zlib-packed; null where only its hash is given.
 * @property output of the model, zlib-packed.
 * @property top1 the likeliest class.
 * @property map of that class, zlib-packed (height, width) float32; null for a model without.
 * @property inputTolerance steps by which another decoder may differ.
 * @property outputTolerance steps by which another engine may differ.
 */
class GoldenVector(
    val png: ByteArray,
    val inputSha256: String,
    val input: ByteArray?,
    val output: ByteArray,
    val top1: Int,
    val map: ByteArray?,
    val inputTolerance: Int,
    val outputTolerance: Int,
)

/** How maps are made, which output the last feature map is, and which tensor weighs it for a class. */
class Explain(val method: String, val featuresOutput: Int, val weights: String)

/**
 * What a model says of itself.
 *
 * @property labels names in the order of the outputs, or null.
 * @property golden is in the file beside the model only: it is larger than all the rest.
 * @property explain null where the model was exported without `--with-features`.
 * @property hasRandomWeights whether the answers mean nothing.
 * @property sha256 of the model that it was written for; only the file beside the model says it.
 */
class Contract(
    val preprocessing: Preprocessing?,
    val labels: List<String>?,
    val golden: List<GoldenVector>,
    val explain: Explain?,
    val hasRandomWeights: Boolean,
    val sha256: String?,
) {
    companion object {
        /** The entry of the metadata that holds it. */
        const val NAME = "edge_effnet_contract"

        private const val MOST_BYTES = 32 shl 20

        /**
         * Reads a contract.
         *
         * @param bytes JSON in UTF-8.
         * @param origin where it was found, for messages.
         * @throws ModelException if it cannot be understood.
         */
        fun parse(bytes: ByteBuffer, origin: String): Contract {
            if (bytes.remaining() > MOST_BYTES) throw ModelException("the contract $origin has ${bytes.remaining()} bytes")
            try {
                val text = Charsets.UTF_8.newDecoder().decode(bytes.duplicate()).toString()
                return Record(Json.parse(text)).contract()
            } catch (fault: java.nio.charset.CharacterCodingException) {
                throw ModelException("the contract $origin is no text", fault)
            } catch (fault: ModelException) {
                throw ModelException("the contract $origin cannot be used: ${fault.message}", fault)
            }
        }
    }
}

/** An object of the contract, with the type of each value checked. */
private class Record(value: Any?) {
    @Suppress("UNCHECKED_CAST")
    private val fields = value as? Map<String, Any?> ?: throw ModelException("it is no JSON object")

    fun contract() = Contract(
        part("preprocessing")?.let { Preprocessing.parse(it.fields) },
        list("labels").map { it as? String ?: throw ModelException("a label is no text") }.ifEmpty { null },
        list("golden").map { Record(it).golden() },
        part("explain")?.explain(),
        part("weights")?.isRandom() ?: false,
        fields["sha256"] as? String,
    )

    private fun isRandom(): Boolean = fields["kind"] == "random" || (fields["source"] as? String)?.substringBefore(',') == "random"

    /** A method of another version is not guessed at. */
    private fun explain(): Explain =
        if (text("method") == Cam.METHOD) Explain(Cam.METHOD, number("features_output"), text("weights")) else Explain(text("method"), 0, "")

    private fun golden(): GoldenVector {
        val tolerance = part("tolerance_lsb") ?: throw ModelException("a golden vector has no tolerance_lsb")
        return GoldenVector(
            base64("image_png_base64"),
            text("input_sha256"),
            optional("input_zlib_base64"),
            base64("output_zlib_base64"),
            number("top1"),
            optional("map_zlib_base64"),
            tolerance.number("input"),
            tolerance.number("output"),
        )
    }

    private fun part(key: String): Record? = fields[key]?.let(::Record)

    private fun list(key: String): List<*> = (fields[key] ?: emptyList<Any?>()) as? List<*> ?: throw ModelException("\"$key\" is no list")

    private fun text(key: String): String = fields[key] as? String ?: throw ModelException("\"$key\" is no text")

    private fun number(key: String): Int = (fields[key] as? Long)?.takeIf { it in 0..Int.MAX_VALUE }?.toInt()
        ?: throw ModelException("\"$key\" is no whole number from 0")

    private fun optional(key: String): ByteArray? = if (fields[key] == null) null else base64(key)

    private fun base64(key: String): ByteArray {
        try {
            return kotlin.io.encoding.Base64.decode(text(key))
        } catch (fault: IllegalArgumentException) {
            throw ModelException("\"$key\" is no base64", fault)
        }
    }
}
