package edgeeffnet.core

import java.nio.ByteBuffer
import java.security.MessageDigest

/**
 * An image classifier: everything that is known of it comes from its file, or the contract beside it.
 *
 * @property input (1, size, size, 3).
 * @property output 0: (1, classes).
 * @property outputs all of them.
 * @property preprocessing how a picture becomes the input.
 * @property labels the name of each class.
 * @property givesProbabilities whether the graph ends in a softmax already.
 * @property golden what it must answer to some pictures; empty where [goldenReason] says why.
 * @property cam how a heat map is made; null where [camReason] says why not.
 * @property notes what had to be assumed.
 */
class Model private constructor(
    val bytes: ByteBuffer,
    private val reader: TfliteReader,
    inside: Contract?,
    beside: Contract?,
) {
    private val contract = inside ?: beside

    val input: TensorSpec = reader.inputs.singleOrNull() ?: throw ModelException("the model has ${reader.inputs.size} inputs; one is needed")
    val outputs: List<TensorSpec> = reader.outputs
    val output: TensorSpec = outputs.firstOrNull() ?: throw ModelException("the model has no output")
    val notes: List<String>
    val preprocessing: Preprocessing
    val labels: List<String>
    val givesProbabilities: Boolean = reader.endsInSoftmax()
    val golden: List<GoldenVector>
    val goldenReason: String?
    val cam: Cam?
    val camReason: String?
    val operatorCount: Int get() = reader.operatorCount

    /** Of the file, in hexadecimal digits. */
    val sha256: String by lazy { sha256Of(bytes) }

    init {
        checkEnds()
        val assumed = ArrayList<String>()
        preprocessing = preprocessing(assumed)
        labels = labels(assumed)
        if (contract?.hasRandomWeights == true) assumed.add("The model's weights are random: its times are real, its answers mean nothing.")
        notes = assumed
        val explain = contract?.explain
        cam = explain?.takeIf { it.method == Cam.METHOD }?.let { Cam.of(reader, it, outputs) }
        camReason = if (cam != null) null else camReason(explain)
        goldenReason = goldenReason(beside)
        golden = if (goldenReason == null) beside!!.golden else emptyList()
    }

    private fun camReason(explain: Explain?): String = when {
        explain == null -> "the model was exported without --with-features"
        else -> "the model's maps are made by the method \"${explain.method}\", which this app does not know"
    }

    private fun goldenReason(beside: Contract?): String? = when {
        beside == null -> "MODEL.contract.json was not beside the model"
        beside.golden.isEmpty() -> "MODEL.contract.json has no golden vectors"
        beside.sha256 != sha256 -> "MODEL.contract.json is of another file"
        else -> null
    }

    private fun checkEnds() {
        val (batch, height, width, channels) = input.shape.takeIf { it.size == 4 }?.toList() ?: throw noImage()
        if (batch != 1 || channels != 3 || height != width) throw noImage()
        val isRow = output.shape.isNotEmpty() && output.shape.dropLast(1).all { it == 1 }
        if (!isRow) throw ModelException("the model's output is $output; one row of class scores, (1, classes), is needed")
        if (output.count > MOST_CLASSES) throw ModelException("the model has ${output.count} classes; at most $MOST_CLASSES are shown")
        if (outputs.any { it.count > MOST_VALUES }) throw ModelException("the model has an output of more than $MOST_VALUES values")
    }

    private fun noImage() = ModelException("the model's input is $input; one square RGB image, (1, size, size, 3), is needed")

    private fun preprocessing(assumed: MutableList<String>): Preprocessing {
        val size = input.shape[1]
        val told = contract?.preprocessing
        if (told == null) {
            val guess = Preprocessing(size)
            assumed.add("The model carries no preprocessing contract: assumed ${guess.id}, raw pixels as ${input.dtype.label}.")
            return guess
        }
        if (told.resolutionPx != size) throw ModelException("the contract says ${told.resolutionPx} px, the model's input has $size px")
        return told
    }

    private fun labels(assumed: MutableList<String>): List<String> {
        val classes = output.shape.last()
        val told = contract?.labels ?: Archive.labels(bytes, classes)
        if (told == null) {
            assumed.add("The model carries no labels: classes are shown by number.")
            return List(classes) { "class $it" }
        }
        if (told.size != classes) throw ModelException("there are ${told.size} labels for $classes classes")
        return told
    }

    companion object {
        /** Far more than any classifier gives out, little enough to be held in memory. */
        private const val MOST_VALUES = 1 shl 22
        private const val MOST_CLASSES = 100_000

        /**
         * Reads a model.
         *
         * @param bytes the whole file, position to limit.
         * @param beside the contract that lay beside the file, if any; what one inside the file says comes first, and only
         * this one has golden vectors.
         * @throws ModelException if it is no image classifier, is damaged, or contradicts its contract.
         */
        fun read(bytes: ByteBuffer, beside: ByteBuffer? = null): Model {
            val reader = TfliteReader(bytes)
            val inside = reader.metadata(Contract.NAME)?.let { Contract.parse(it, "in the model") }
            return Model(bytes, reader, inside, beside?.let { Contract.parse(it, "beside the model") })
        }

        internal fun sha256Of(bytes: ByteBuffer): String {
            val digest = MessageDigest.getInstance("SHA-256")
            digest.update(bytes.duplicate())
            return digest.digest().joinToString("") { (it.toInt() and 255).toString(16).padStart(2, '0') }
        }
    }
}
