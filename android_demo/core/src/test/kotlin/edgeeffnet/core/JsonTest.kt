package edgeeffnet.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** JSON, read strictly and written so that it is read again. */
class JsonTest {
    /** Every kind of value is read. */
    @Test
    fun everyValueIsRead() {
        val text = """ {"a": [1, -2.5e1, true, false, null, "x\"\\\/\b\f\n\r\té \ud83d\ude00"], "b": {}, "c": [], "d": 9223372036854775808} """
        val found = Json.parse(text) as Map<*, *>
        assertEquals(listOf(1L, -25.0, true, false, null, "x\"\\/\b\u000c\n\r\té 😀"), found["a"])
        assertEquals(emptyMap<String, Any?>(), found["b"])
        assertEquals(emptyList<Any?>(), found["c"])
        assertEquals(9.223372036854775808e18, found["d"])
    }

    /** What the standard does not allow is refused, with the place. */
    @Test
    fun whatIsNoJsonIsRefused() {
        val wrong = listOf(
            "", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "[1 2]", "01", "1.", ".5", "+1", "NaN", "Infinity", "'a'", "\"a", "\"\u0001\"",
            "\"\\x\"", "\"\\u12g4\"", "\"\\u12\"", "tru", "nullx", "[1]]", "{\"a\" 1}", "1e999", "{\"a\":1,\"a\":2}", "[\u00a01]",
        )
        for (text in wrong) assertTrue(text, assertThrows(text, ModelException::class.java) { Json.parse(text) }.message!!.contains("at character"))
    }

    /** A document that is nested without end is refused and does not exhaust the stack. */
    @Test
    fun deepNestingIsRefused() {
        Json.parse("[".repeat(Json.MAX_DEPTH) + "]".repeat(Json.MAX_DEPTH))
        assertThrows(ModelException::class.java) { Json.parse("[".repeat(1_000_000)) }
    }

    /** What is written is read back as it was. */
    @Test
    fun whatIsWrittenIsReadBack() {
        val value = linkedMapOf(
            "text" to "quote \" backslash \\ line\n tab\t bell\u0007 half \ud800 é 😀",
            "numbers" to listOf(1L, -3L, 0.1, 1e-9, 12345678.9),
            "nested" to listOf(linkedMapOf("a" to null, "b" to true), emptyMap<String, Any?>(), emptyList<Any?>()),
        )
        assertEquals(value, Json.parse(JsonWriter.write(value)))
        assertEquals("[1.0, 2.5]\n", JsonWriter.write(doubleArrayOf(1.0, 2.5)))
    }

    /** What JSON has no word for is not written. */
    @Test
    fun whatHasNoWordIsNotWritten() {
        for (value in listOf(Double.NaN, Float.POSITIVE_INFINITY, Any())) {
            assertThrows(IllegalArgumentException::class.java) { JsonWriter.write(value) }
        }
    }
}
