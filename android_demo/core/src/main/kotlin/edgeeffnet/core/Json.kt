package edgeeffnet.core

/**
 * A strict reader of JSON (RFC 8259) without a library: the one of Android is not on a plain JVM.
 *
 * Objects become [Map], arrays [List], texts [String], whole numbers that fit a [Long], other numbers [Double], and
 * `null` null. A key that comes twice, a number beyond Double and a depth above [MAX_DEPTH] are errors.
 */
class Json private constructor(private val text: String) {
    private var at = 0

    private fun document(): Any? {
        val value = value(0)
        blanks()
        if (at < text.length) fail("something follows the document")
        return value
    }

    private fun value(depth: Int): Any? {
        if (depth > MAX_DEPTH) fail("it is nested deeper than $MAX_DEPTH levels")
        blanks()
        return when (peek()) {
            '{' -> objectAt(depth)
            '[' -> arrayAt(depth)
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun objectAt(depth: Int): Map<String, Any?> {
        val found = LinkedHashMap<String, Any?>()
        at++
        if (skips('}')) return found
        do {
            blanks()
            if (peek() != '"') fail("a key is expected")
            val key = string()
            if (!skips(':')) fail("':' is expected")
            val value = value(depth + 1)
            if (found.containsKey(key)) fail("the key \"$key\" comes twice")
            found[key] = value
        } while (skips(','))
        if (!skips('}')) fail("',' or '}' is expected")
        return found
    }

    private fun arrayAt(depth: Int): List<Any?> {
        val found = ArrayList<Any?>()
        at++
        if (skips(']')) return found
        do found.add(value(depth + 1)) while (skips(','))
        if (!skips(']')) fail("',' or ']' is expected")
        return found
    }

    private fun string(): String {
        val found = StringBuilder()
        at++
        while (true) {
            val letter = peek()
            at++
            when {
                letter == '"' -> return found.toString()
                letter == '\\' -> found.append(escaped())
                letter < ' ' -> fail("a control character is in a text, or the text does not end")
                else -> found.append(letter)
            }
        }
    }

    private fun escaped(): Char {
        val letter = peek()
        at++
        if (letter == 'u') {
            val digits = text.substring(at, minOf(at + 4, text.length))
            if (digits.length < 4 || !digits.all { it in '0'..'9' || it.lowercaseChar() in 'a'..'f' }) fail("\\u needs four digits")
            at += 4
            return digits.toInt(16).toChar()
        }
        val place = "\"\\/bfnrt".indexOf(letter)
        if (place < 0) fail("an unknown escape is in a text")
        return "\"\\/\b\u000c\n\r\t"[place]
    }

    private fun number(): Any {
        val found = NUMBER.find(text, at)
        if (found == null || found.range.first != at) fail("a value is expected")
        at = found.range.last + 1
        val isWhole = found.groupValues[1].isEmpty() && found.groupValues[2].isEmpty()
        val whole = if (isWhole) found.value.toLongOrNull() else null
        return whole ?: found.value.toDouble().also { if (it.isInfinite()) fail("a number is too large") }
    }

    private fun word(word: String, value: Any?): Any? {
        if (!text.startsWith(word, at)) fail("a value is expected")
        at += word.length
        return value
    }

    private fun skips(letter: Char): Boolean {
        blanks()
        val isThere = peek() == letter
        if (isThere) at++
        return isThere
    }

    private fun blanks() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    /** The next character, or NUL at the end. */
    private fun peek(): Char = if (at < text.length) text[at] else '\u0000'

    private fun fail(what: String): Nothing = throw ModelException("this is no JSON: $what (at character ${minOf(at, text.length)})")

    companion object {
        /** Objects and arrays within each other. */
        const val MAX_DEPTH = 64

        private val NUMBER = Regex("""-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?""")

        /**
         * Reads a document.
         *
         * @throws ModelException if it is none.
         */
        fun parse(text: String): Any? = Json(text).document()
    }
}
