package edgeeffnet.core

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.util.zip.DeflaterOutputStream
import kotlin.io.encoding.Base64
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Heat maps and the contract's own test. */
class GoldenCheckTest {
    private val plain = Model.read(Golden.buffer("cam.tflite"))
    private val picture = Golden.picture(20, 14, 1)
    private val features = Golden.noise(192, 9)
    private val scores = byteArrayOf(-100, 3, 90, 2, 1)

    /** Maps are those that `edge_effnet.activation_map` makes. */
    @Test
    fun mapsAreThoseOfPython() {
        val expected = (Golden.json("numbers.json")["maps"] as Map<*, *>)["maps"] as List<*>
        for ((index, map) in expected.withIndex()) {
            assertArrayEquals(Golden.floats(map), plain.cam!!.of(Golden.native(features), index), 1e-5f)
        }
    }

    /** Where nothing speaks for a class the map is all 0, not a division by 0. */
    @Test
    fun aMapOfNothingIsZero() {
        val cold = Golden.native(ByteArray(192) { -128 })
        assertArrayEquals(FloatArray(64), plain.cam!!.of(cold, 0), 0f)
    }

    private fun packed(bytes: ByteArray): String = Base64.encode(ByteArrayOutputStream().also { to -> DeflaterOutputStream(to).use { it.write(bytes) } }.toByteArray())

    private fun input(): ByteArray = ByteArray(192).also { Preparer(plain).input(picture).get(it) }

    private fun map(): ByteArray {
        val map = plain.cam!!.of(Golden.native(features), 2)
        return ByteArray(256).also { bytes -> ByteBuffer.wrap(bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN).let { map.forEach(it::putFloat) } }
    }

    private fun model(vararg changes: Pair<String, Any?>, sha256: String = plain.sha256): Model {
        val vector = linkedMapOf<String, Any?>(
            "image_png_base64" to Base64.encode(byteArrayOf(1)),
            "input_sha256" to Model.sha256Of(ByteBuffer.wrap(input())),
            "input_zlib_base64" to packed(input()),
            "output_zlib_base64" to packed(scores),
            "top1" to 2,
            "map_zlib_base64" to packed(map()),
            "tolerance_lsb" to mapOf("input" to 1, "output" to 2),
        )
        vector.putAll(changes)
        val text = JsonWriter.write(mapOf("sha256" to sha256, "golden" to listOf(vector)))
        return Model.read(Golden.buffer("cam.tflite"), ByteBuffer.wrap(text.toByteArray()))
    }

    private fun check(model: Model, found: ByteArray = scores, seen: RgbImage = picture): GoldenResult =
        GoldenCheck(model).run({ seen }, { listOf(Golden.native(found), Golden.native(features)) }).single()

    /** A model that does as the contract says passes, with all differences at 0. */
    @Test
    fun aFaithfulModelPasses() {
        val result = check(model())
        assertTrue(result.isGood && result.inputIsEqual)
        assertEquals(listOf(0, 0, 2), listOf(result.inputSteps, result.outputSteps, result.top1))
        assertEquals(0f, result.mapApart!!, 0f)
    }

    /** Two steps of the output are another engine; three, or another class, are another model. */
    @Test
    fun outputsBeyondTheToleranceFail() {
        assertTrue(check(model(), scores.copyOf().also { it[0] = -98 }).isGood)
        assertFalse(check(model(), scores.copyOf().also { it[0] = -97 }).isGood)
        assertTrue(check(model("map_zlib_base64" to null)).isGood)
        assertFalse(check(model("top1" to 3, "map_zlib_base64" to null)).isGood)
    }

    /** Another picture gives another input, and that is seen with and without the whole tensor. */
    @Test
    fun anotherInputFails() {
        val other = Golden.picture(20, 14, 2)
        assertTrue(check(model(), seen = other).let { !it.isGood && !it.inputIsEqual && it.inputSteps!! > 1 })
        assertNull(check(model("input_zlib_base64" to null), seen = other).inputSteps)
        assertFalse(check(model("input_zlib_base64" to null), seen = other).isGood)
    }

    /** A map of another class fails. */
    @Test
    fun anotherMapFails() {
        assertFalse(check(model("map_zlib_base64" to packed(ByteArray(256)))).isGood)
    }

    /** Golden vectors of another file are not used, and the reason is said. */
    @Test
    fun vectorsOfAnotherFileAreNotUsed() {
        val model = model(sha256 = "0".repeat(64))
        assertEquals("MODEL.contract.json is of another file", model.goldenReason)
        assertTrue(model.golden.isEmpty())
    }

    /** Vectors that cannot be unpacked are a fault of the contract, in words. */
    @Test
    fun damagedVectorsAreRefused() {
        for (text in listOf("AAAA", packed(ByteArray(7)), packed(ByteArray(1 shl 20)))) {
            assertThrows(ModelException::class.java) { check(model("output_zlib_base64" to text)) }
        }
        assertThrows(ModelException::class.java) { model("output_zlib_base64" to "?") }
    }
}
