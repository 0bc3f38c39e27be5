package edgeeffnet.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest

/** What `write_golden.py` wrote, and the rule by which its pictures are made. */
internal object Golden {
    private val folder = File(System.getProperty("edgeeffnet.golden", "src/test/golden"))

    fun bytes(name: String): ByteArray = File(folder, name).readBytes()

    fun buffer(name: String): ByteBuffer = ByteBuffer.wrap(bytes(name))

    @Suppress("UNCHECKED_CAST")
    fun json(name: String): Map<String, Any?> = Json.parse(String(bytes(name), Charsets.UTF_8)) as Map<String, Any?>

    @Suppress("UNCHECKED_CAST")
    fun cases(name: String): List<Map<String, Any?>> = json(name)["cases"] as List<Map<String, Any?>>

    /** The bytes of `write_golden.noise`. */
    fun noise(count: Int, seed: Int): ByteArray = ByteArray(count) { index ->
        val place = index + seed * 1_000_003L
        var mixed = (place * 2_654_435_761L) and 0xFFFFFFFFL
        mixed = mixed xor (mixed ushr 15)
        mixed = (mixed * 2_246_822_519L) and 0xFFFFFFFFL
        (mixed ushr 24).toByte()
    }

    fun picture(width: Int, height: Int, seed: Int) = RgbImage(width, height, noise(width * height * 3, seed))

    /** The first 16 digits of a sha256, as `write_golden.digest` gives them. */
    fun digest(bytes: ByteArray): String =
        MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }.take(16)

    fun int(case: Map<String, Any?>, key: String): Int = (case.getValue(key) as Number).toInt()

    fun doubles(value: Any?): DoubleArray = (value as List<*>).map { (it as Number).toDouble() }.toDoubleArray()

    fun floats(value: Any?): FloatArray = (value as List<*>).map { (it as Number).toFloat() }.toFloatArray()

    fun native(bytes: ByteArray): ByteBuffer = ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.nativeOrder()).put(bytes).apply { rewind() }
}
