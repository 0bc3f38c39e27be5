package edgeeffnet.core

import java.awt.image.BufferedImage
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Random
import javax.imageio.ImageIO
import kotlin.system.exitProcess

/** The demo's core on a command line, to be compared with Python and the browser. */
object Tool {
    private class Command(val arguments: String, val run: (List<String>) -> Unit)

    private val COMMANDS = linkedMapOf(
        "preprocess" to Command("MODEL PICTURE.(png|jpg|ppm) OUT", ::preprocess),
        "yuv" to Command("MODEL WIDTH HEIGHT DEGREES MIRRORED(0|1) Y_ROW Y_PIXEL UV_ROW UV_PIXEL PLANES OUT", ::yuv),
        "topk" to Command("MODEL OUTPUT [COUNT]", ::topk),
        "cam" to Command("MODEL FEATURES CLASS OUT", ::cam),
        "golden" to Command("MODEL CONTRACT", ::golden),
        "benchmark-json" to Command("OUT [MODEL [SLOWER]]", ::benchmarkJson),
    )

    @JvmStatic
    fun main(arguments: Array<String>) {
        val command = COMMANDS[arguments.firstOrNull()]
        if (command == null) {
            System.err.println("usage:\n" + COMMANDS.entries.joinToString("\n") { "  ${it.key} ${it.value.arguments}" })
            exitProcess(2)
        }
        try {
            command.run(arguments.drop(1))
        } catch (fault: ModelException) {
            System.err.println("error: ${fault.message}")
            exitProcess(4)
        } catch (fault: IndexOutOfBoundsException) {
            System.err.println("usage: ${arguments[0]} ${command.arguments}")
            exitProcess(2)
        }
    }

    private fun model(path: String): Model = Model.read(ByteBuffer.wrap(File(path).readBytes()))

    private fun native(path: String): ByteBuffer = ByteBuffer.wrap(File(path).readBytes()).order(ByteOrder.nativeOrder())

    private fun write(path: String, bytes: ByteBuffer) {
        File(path).writeBytes(ByteArray(bytes.remaining()).also { bytes.duplicate().get(it) })
    }

    /** Writes the input tensor of a picture. */
    private fun preprocess(arguments: List<String>) {
        val file = File(arguments[1])
        val picture = if (file.extension == "ppm") ppm(file.readBytes()) else decoded(file.readBytes())
        write(arguments[2], Preparer(model(arguments[0])).input(picture))
    }

    /** Writes the input tensor of a frame whose planes Y, U, V follow each other in a file, U and V of the same strides. */
    private fun yuv(arguments: List<String>) {
        val (width, height, degrees, mirrored) = arguments.subList(1, 5).map(String::toInt)
        val (lumaRow, lumaPixel, chromaRow, chromaPixel) = arguments.subList(5, 9).map(String::toInt)
        val frame = YuvFrame().apply { resize(width, height) }
        val planes = native(arguments[9])
        frame.luma.load(planes, lumaRow, lumaPixel, width, height)
        for ((place, plane) in listOf(frame.u, frame.v).withIndex()) {
            planes.position(lumaRow * height + place * chromaRow * frame.chromaHeight)
            plane.load(planes, chromaRow, chromaPixel, frame.chromaWidth, frame.chromaHeight)
        }
        write(arguments[10], Preparer(model(arguments[0])).input(frame, Turn(degrees, mirrored == 1)))
    }

    /** Prints the likeliest classes of an output tensor: index, score and label, a line each. */
    private fun topk(arguments: List<String>) {
        val model = model(arguments[0])
        val scores = Scores(model).of(native(arguments[1]))
        for (guess in TopK.of(scores, model.labels, arguments.getOrElse(2) { "5" }.toInt())) println("${guess.index}\t${guess.score}\t${guess.label}")
    }

    /** Writes the heat map of a class, (height, width) float32, little-endian. */
    private fun cam(arguments: List<String>) {
        val model = model(arguments[0])
        val cam = model.cam ?: throw ModelException("no heat map: ${model.camReason}")
        val map = cam.of(native(arguments[1]), arguments[2].toInt())
        val bytes = ByteBuffer.allocate(4 * map.size).order(ByteOrder.LITTLE_ENDIAN)
        for (value in map) bytes.putFloat(value)
        bytes.rewind()
        write(arguments[3], bytes)
    }

    /** Checks the inputs of the contract's golden vectors; outputs are taken as they should be, since nothing runs the model here. */
    private fun golden(arguments: List<String>) {
        val bytes = ByteBuffer.wrap(File(arguments[0]).readBytes())
        val model = Model.read(bytes, ByteBuffer.wrap(File(arguments[1]).readBytes()))
        model.goldenReason?.let { throw ModelException("no golden vectors: $it") }
        val preparer = Preparer(model)
        for (vector in model.golden) {
            val isEqual = Model.sha256Of(preparer.input(decoded(vector.png))) == vector.inputSha256
            println("${if (isEqual) "equal" else "DIFFERENT"}\t${vector.inputSha256}")
        }
    }

    /** Writes a benchmark's document with invented times, the same each time; SLOWER multiplies them. */
    private fun benchmarkJson(arguments: List<String>) {
        val path = arguments.getOrNull(1)
        val slower = arguments.getOrElse(2) { "1" }.toDouble()
        val random = Random(11)
        val rounds = List(6) { DoubleArray(20) { slower * (8.0 + 0.2 * random.nextDouble()) } }
        val samples = Samples(11.0 * slower, DoubleArray(10) { slower * (8.1 + 0.1 * random.nextDouble()) }, rounds)
        val model = if (path == null) Model.read(Golden.buffer("int8.tflite")) else model(path)
        File(arguments[0]).writeText(Example.document(samples, ThermalState(0, null), model, path?.let { File(it).name } ?: "int8.tflite"))
    }

    private fun decoded(bytes: ByteArray): RgbImage {
        val image = ImageIO.read(bytes.inputStream()) ?: throw ModelException("the picture cannot be decoded")
        val argb = image.getRGB(0, 0, image.width, image.height, null, 0, image.width)
        return if (image.type == BufferedImage.TYPE_BYTE_GRAY) gray(image) else RgbImage.fromArgb(argb, image.width, image.height)
    }

    /** Java takes gray pictures for linear light and would change their values. */
    private fun gray(image: BufferedImage): RgbImage {
        val codes = image.raster.getSamples(0, 0, image.width, image.height, 0, null as IntArray?)
        return RgbImage(image.width, image.height, ByteArray(codes.size * 3) { codes[it / 3].toByte() })
    }

    /** Reads a binary PPM of 8 bits: the pixels as they are. */
    private fun ppm(bytes: ByteArray): RgbImage {
        val head = Regex("""P6\s+(\d+)\s+(\d+)\s+255\s""").find(String(bytes, 0, minOf(64, bytes.size), Charsets.ISO_8859_1))
            ?: throw ModelException("this is no binary PPM of 8 bits")
        val (width, height) = head.destructured
        return RgbImage(width.toInt(), height.toInt(), bytes.copyOfRange(head.range.last + 1, bytes.size))
    }
}
