package edgeeffnet.core

/** Writes what [Json] reads: maps, lists, arrays of numbers, texts, numbers, booleans and null. */
object JsonWriter {
    /**
     * Returns a document, one key a line, lists of plain values on one line.
     *
     * @throws IllegalArgumentException for a value of another type, or a number that is none.
     */
    fun write(value: Any?): String = StringBuilder().also { put(it, value, 0) }.append('\n').toString()

    private fun put(out: StringBuilder, value: Any?, depth: Int) {
        when (value) {
            null, is Boolean -> out.append(value)
            is String -> putText(out, value)
            is Int, is Long -> out.append(value)
            is Double -> putNumber(out, value)
            is Float -> putNumber(out, value.toDouble())
            is DoubleArray -> put(out, value.asList(), depth)
            is IntArray -> put(out, value.asList(), depth)
            is Map<*, *> -> putObject(out, value, depth)
            is List<*> -> putList(out, value, depth)
            else -> throw IllegalArgumentException("no JSON for ${value.javaClass.name}")
        }
    }

    private fun putNumber(out: StringBuilder, value: Double) {
        require(!value.isNaN() && !value.isInfinite()) { "no JSON for $value" }
        out.append(value)
    }

    private fun putObject(out: StringBuilder, value: Map<*, *>, depth: Int) {
        var separator = "{"
        for ((key, inner) in value) {
            out.append(separator)
            newLine(out, depth + 1)
            putText(out, key as String)
            out.append(": ")
            put(out, inner, depth + 1)
            separator = ","
        }
        if (value.isEmpty()) out.append('{') else newLine(out, depth)
        out.append('}')
    }

    private fun putList(out: StringBuilder, value: List<*>, depth: Int) {
        val isNested = value.any { it is Map<*, *> || it is List<*> }
        var separator = "["
        for (inner in value) {
            out.append(separator)
            if (isNested) newLine(out, depth + 1)
            put(out, inner, depth + 1)
            separator = if (isNested) "," else ", "
        }
        if (value.isEmpty()) out.append('[') else if (isNested) newLine(out, depth)
        out.append(']')
    }

    private fun newLine(out: StringBuilder, depth: Int) {
        out.append('\n')
        for (step in 0 until depth) out.append(' ')
    }

    private fun putText(out: StringBuilder, text: String) {
        out.append('"')
        for (letter in text) {
            val place = "\"\\\n\r\t".indexOf(letter)
            when {
                place >= 0 -> out.append('\\').append("\"\\nrt"[place])
                letter < ' ' || letter.isSurrogate() || letter == '\u007f' -> putCode(out, letter)
                else -> out.append(letter)
            }
        }
        out.append('"')
    }

    private fun putCode(out: StringBuilder, letter: Char) {
        out.append("\\u").append(letter.code.toString(16).padStart(4, '0'))
    }
}
