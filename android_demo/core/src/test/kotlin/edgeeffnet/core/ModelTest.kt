package edgeeffnet.core

import java.nio.ByteBuffer
import java.util.Random
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Files of models: what is read of them, and what is refused. */
class ModelTest {
    private val labels = listOf("ant", "bee", "cat, house cat", "dög", "eel")

    /** All that a demo shows comes from the file: input, labels, preprocessing. */
    @Test
    fun everythingComesFromTheFile() {
        val model = Model.read(Golden.buffer("int8.tflite"))
        assertEquals("int8 (1, 8, 8, 3)", model.input.toString())
        assertEquals("int8 (1, 5)", model.output.toString())
        assertArrayEquals(floatArrayOf(0.5f), model.output.scales, 0f)
        assertArrayEquals(intArrayOf(-128), model.output.zeroPoints)
        assertEquals("square-0.9-bilinear-8px-v1", model.preprocessing.id)
        assertEquals(labels, model.labels)
        assertEquals(emptyList<String>(), model.notes)
        assertFalse(model.givesProbabilities)
        assertEquals(2, model.operatorCount)
        assertNull(model.cam)
        assertEquals("the model was exported without --with-features", model.camReason)
        assertEquals("MODEL.contract.json was not beside the model", model.goldenReason)
    }

    /** A model that says nothing is shown with what was assumed; a softmax behind a change of type is seen. */
    @Test
    fun whatIsAssumedIsSaid() {
        val model = Model.read(Golden.buffer("plain_uint8.tflite"))
        assertEquals(DType.UINT8, model.input.dtype)
        assertEquals("class 4", model.labels[4])
        assertEquals("square-0.875-bicubic-8px-v1", model.preprocessing.id)
        assertEquals(2, model.notes.size)
        assertTrue(model.notes[0], "assumed square-0.875-bicubic-8px-v1" in model.notes[0])
        assertTrue(model.givesProbabilities)
    }

    /** Class names are found in the archive that TFLite's metadata keep behind a model. */
    @Test
    fun labelsAreFoundInTheArchive() {
        val model = Model.read(Golden.buffer("zip_float32.tflite"))
        assertEquals(labels, model.labels)
        assertEquals(DType.FLOAT32, model.input.dtype)
        assertEquals(1, model.notes.size)
    }

    /** An archive that is cut off or changed anywhere costs the names, not the model. */
    @Test
    fun aDamagedArchiveCostsOnlyTheNames() {
        val whole = Golden.bytes("zip_float32.tflite")
        val start = String(whole, Charsets.ISO_8859_1).indexOf("PK\u0003\u0004")
        val random = Random(4)
        repeat(400) {
            val bytes = whole.copyOf(if (it % 2 == 0) whole.size else start + random.nextInt(whole.size - start))
            repeat(3) { if (bytes.size > start) bytes[start + random.nextInt(bytes.size - start)] = random.nextInt(256).toByte() }
            assertEquals(5, Model.read(ByteBuffer.wrap(bytes)).labels.size)
        }
    }

    /** An entry that claims more bytes than the file has costs the names, not the model. */
    @Test
    fun anEntryThatIsTooLongCostsOnlyTheNames() {
        val bytes = Golden.bytes("zip_float32.tflite")
        val entry = String(bytes, Charsets.ISO_8859_1).lastIndexOf("PK\u0001\u0002")
        for (claimed in listOf(bytes.size, Int.MAX_VALUE, -1)) {
            for (field in listOf(20, 24)) {
                val changed = bytes.copyOf()
                ByteBuffer.wrap(changed).order(java.nio.ByteOrder.LITTLE_ENDIAN).putInt(entry + field, claimed)
                assertEquals("class 0", Model.read(ByteBuffer.wrap(changed)).labels[0])
            }
        }
    }

    /** A contract beside the model counts where there is none inside, and is the one that has golden vectors. */
    @Test
    fun theContractBesideCountsWhereThereIsNoneInside() {
        val beside = """{"preprocessing": {"resolution_px": 8, "crop_fraction": 0.5, "resample": "box"}, "labels": ["1", "2", "3", "4", "5"]}"""
        fun read(name: String) = Model.read(Golden.buffer(name), ByteBuffer.wrap(beside.toByteArray()))
        assertEquals("square-0.5-box-8px-v1", read("plain_uint8.tflite").preprocessing.id)
        assertEquals("square-0.9-bilinear-8px-v1", read("int8.tflite").preprocessing.id)
        assertEquals("MODEL.contract.json has no golden vectors", read("int8.tflite").goldenReason)
    }

    /** A contract that contradicts the model, or says what cannot be carried out, is refused in words. */
    @Test
    fun contradictionsAreRefused() {
        val size = """"preprocessing": {"resolution_px": 9, "crop_fraction": 0.5, "resample": "box"}"""
        val wrong = mapOf(
            "{$size}" to "9 px",
            "{\"labels\": [\"a\"]}" to "1 labels for 5 classes",
            "{\"labels\": [1]}" to "no text",
            "{\"labels\": 7}" to "no list",
            "[]" to "no JSON object",
            "{\"preprocessing\": {}}" to "lacks resolution_px",
            "{\"preprocessing\": {\"schema\": \"edge-effnet/preprocessing/2\"}}" to "version",
            "{${size.replace("box", "sinc")}}" to "\"sinc\" is unknown",
            "{${size.replace("0.5", "1.5")}}" to "crop fraction",
            "{${size.replace("9", "0")}}" to "resolution",
            "{\"explain\": {\"method\": \"cam\", \"features_output\": 3, \"weights\": \"x\"}}" to "output 3",
            "{\"explain\": {\"method\": \"cam\", \"features_output\": 0, \"weights\": \"x\"}}" to "no constant tensor",
            "{\"golden\": [{}]}" to "tolerance_lsb",
            "\u0000" to "no JSON",
        )
        for ((text, words) in wrong) {
            val fault = assertThrows(text, ModelException::class.java) {
                Model.read(Golden.buffer("plain_uint8.tflite"), ByteBuffer.wrap(text.toByteArray()))
            }
            assertTrue("$text: ${fault.message}", words in fault.message!!)
        }
        val noText = ByteBuffer.wrap(byteArrayOf(-1, -2))
        assertThrows(ModelException::class.java) { Model.read(Golden.buffer("plain_uint8.tflite"), noText) }
    }

    /** Maps by a method that a newer release may know are left out, with the reason. */
    @Test
    fun anUnknownMethodIsNotGuessedAt() {
        val beside = ByteBuffer.wrap("{\"explain\": {\"method\": \"cam2\"}}".toByteArray())
        val model = Model.read(Golden.buffer("plain_uint8.tflite"), beside)
        assertNull(model.cam)
        assertTrue("cam2" in model.camReason!!)
    }

    /** A feature map that is no map, of no axis even, is refused in words. */
    @Test
    fun aFeatureMapWithoutAxesIsRefused() {
        val bytes = Golden.bytes("cam.tflite")
        fun place(vararg numbers: Int): Int {
            val wanted = ByteBuffer.allocate(12).order(java.nio.ByteOrder.LITTLE_ENDIAN).apply { numbers.forEach(::putInt) }.array()
            return (0..bytes.size - 12).last { bytes.copyOfRange(it, it + 12).contentEquals(wanted) }
        }
        bytes[place(2, 4, 0) + 8] = 1 // the outputs: the pooled features in place of the map
        bytes[place(2, 1, 3)] = 0 // the shape of them
        val fault = assertThrows(ModelException::class.java) { Model.read(ByteBuffer.wrap(bytes)) }
        assertTrue(fault.message, "feature map" in fault.message!!)
    }

    /** A model without meaning says so. */
    @Test
    fun randomWeightsAreSaid() {
        val beside = ByteBuffer.wrap("{\"weights\": {\"source\": \"random, seed 3\"}}".toByteArray())
        assertTrue(Model.read(Golden.buffer("plain_uint8.tflite"), beside).notes.any { "random" in it })
    }

    /** Files that are none of ours are refused in words. */
    @Test
    fun otherFilesAreRefused() {
        for (bytes in listOf(ByteArray(0), ByteArray(4), ByteArray(4096), "PK\u0003\u0004 a zip".toByteArray())) {
            val fault = assertThrows(ModelException::class.java) { Model.read(ByteBuffer.wrap(bytes)) }
            assertEquals("this is no TensorFlow Lite model", fault.message)
        }
    }

    /** A file that ends early, or whose bytes were changed, ends in a ModelException or is read: nothing else happens. */
    @Test(timeout = 60_000)
    fun damagedFilesEndInModelExceptions() {
        val random = Random(5)
        for (name in listOf("cam.tflite", "plain_uint8.tflite")) {
            val whole = Golden.bytes(name)
            for (length in whole.indices step 3) attempt(whole.copyOf(length))
            repeat(20_000) {
                val bytes = whole.copyOf()
                repeat(1 + random.nextInt(4)) { bytes[8 + random.nextInt(bytes.size - 8)] = HOSTILE[random.nextInt(HOSTILE.size)] }
                attempt(bytes)
            }
        }
    }

    private fun attempt(bytes: ByteArray) {
        try {
            val model = Model.read(ByteBuffer.wrap(bytes))
            assertNotNull(model.sha256)
        } catch (expected: ModelException) {
            assertNotNull(expected.message)
        }
    }

    /** The model may lie anywhere in a larger buffer, as an asset in an APK does. */
    @Test
    fun aSliceIsReadAsTheFileIs() {
        val bytes = Golden.bytes("cam.tflite")
        val larger = ByteBuffer.allocateDirect(bytes.size + 50)
        larger.position(33)
        larger.put(bytes)
        larger.limit(33 + bytes.size).position(33)
        val inside = Model.read(larger.asReadOnlyBuffer())
        val alone = Model.read(ByteBuffer.wrap(bytes))
        assertEquals(alone.sha256, inside.sha256)
        val features = Golden.native(Golden.noise(192, 9))
        assertArrayEquals(alone.cam!!.of(features, 2), inside.cam!!.of(features, 2), 0f)
    }

    private companion object {
        val HOSTILE = byteArrayOf(0, 1, 4, 16, 127, -128, -1, -2, 64, 3)
    }
}
