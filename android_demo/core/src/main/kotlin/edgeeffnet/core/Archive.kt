package edgeeffnet.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/** The zip archive that TFLite's metadata keep behind a model: only what is needed to find the class names in it. */
internal object Archive {
    private const val END_MARK = 0x06054b50
    private const val ENTRY_MARK = 0x02014b50
    private const val LOCAL_MARK = 0x04034b50
    private const val END_BYTES = 22
    private const val MOST_COMMENT_BYTES = 65_535
    private const val MOST_ENTRIES = 64
    private const val MOST_LABELS_BYTES = 4 shl 20 // a bomb in the archive is not unpacked

    private class Entry(val name: String, val method: Int, val packed: Int, val plain: Int, val local: Int)

    /** Returns the lines of the first text file that has one line an output; null where there is none, or no archive. */
    fun labels(file: ByteBuffer, outputs: Int): List<String>? {
        val bytes = file.slice().order(ByteOrder.LITTLE_ENDIAN)
        return try {
            entries(bytes).asSequence()
                .filter { it.name.endsWith(".txt") && it.plain in 0..MOST_LABELS_BYTES }
                .map { entry -> String(content(bytes, entry), Charsets.UTF_8).lines().map(String::trim).filter(String::isNotEmpty) }
                .firstOrNull { it.size == outputs }
        } catch (damaged: IndexOutOfBoundsException) {
            null // what follows the model is no archive of ours: names are a convenience
        } catch (damaged: IllegalArgumentException) {
            null
        } catch (damaged: DataFormatException) {
            null
        }
    }

    private fun entries(bytes: ByteBuffer): List<Entry> {
        val last = bytes.limit() - END_BYTES
        val first = maxOf(0, last - MOST_COMMENT_BYTES)
        val end = (last downTo first).firstOrNull { bytes.getInt(it) == END_MARK } ?: return emptyList()
        val count = minOf(bytes.getShort(end + 10).toInt() and 0xFFFF, MOST_ENTRIES)
        val directory = end - bytes.getInt(end + 12)
        val shift = directory - bytes.getInt(end + 16) // what was put before the archive after it was made
        val found = ArrayList<Entry>()
        var at = directory
        for (index in 0 until count) {
            if (bytes.getInt(at) != ENTRY_MARK) break
            val nameBytes = bytes.getShort(at + 28).toInt() and 0xFFFF
            val name = ByteArray(nameBytes) { bytes.get(at + 46 + it) }
            found.add(
                Entry(
                    String(name, Charsets.UTF_8),
                    bytes.getShort(at + 10).toInt(),
                    bytes.getInt(at + 20),
                    bytes.getInt(at + 24),
                    shift + bytes.getInt(at + 42),
                ),
            )
            at += 46 + nameBytes + (bytes.getShort(at + 30).toInt() and 0xFFFF) + (bytes.getShort(at + 32).toInt() and 0xFFFF)
        }
        return found
    }

    private fun content(bytes: ByteBuffer, entry: Entry): ByteArray {
        require(bytes.getInt(entry.local) == LOCAL_MARK && entry.packed in 0..bytes.limit())
        val names = (bytes.getShort(entry.local + 26).toInt() and 0xFFFF) + (bytes.getShort(entry.local + 28).toInt() and 0xFFFF)
        val packed = ByteArray(entry.packed)
        val part = bytes.duplicate()
        part.position(entry.local + 30 + names)
        require(part.remaining() >= packed.size)
        part.get(packed)
        return when (entry.method) {
            0 -> packed
            8 -> Packed.inflate(packed, entry.plain, isRaw = true)
            else -> throw DataFormatException("method ${entry.method}")
        }
    }
}

/** Deflated bytes. */
internal object Packed {
    /**
     * Returns the bytes that were packed.
     *
     * @param size of the result; another size is an error.
     * @param isRaw without zlib's header.
     * @throws DataFormatException if they are damaged.
     */
    fun inflate(packed: ByteArray, size: Int, isRaw: Boolean = false): ByteArray {
        val inflater = Inflater(isRaw)
        try {
            inflater.setInput(packed)
            val plain = ByteArray(size + 1) // one more, to see that there is no more
            var filled = 0
            while (filled < plain.size) {
                val count = inflater.inflate(plain, filled, plain.size - filled)
                if (count == 0) break
                filled += count
            }
            if (filled != size) throw DataFormatException("$filled bytes instead of $size")
            return plain.copyOf(size)
        } finally {
            inflater.end()
        }
    }
}
