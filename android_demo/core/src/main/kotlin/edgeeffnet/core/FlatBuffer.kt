package edgeeffnet.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * The bytes of a flatbuffer; every read is checked, so that damaged or hostile bytes end in a [ModelException].
 *
 * References: FlatBuffers, "Internals": tables, vtables, vectors, offsets of 32 bits, all little-endian.
 */
internal class FlatBuffer(bytes: ByteBuffer) {
    private val bytes: ByteBuffer = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)
    private val start = bytes.position()

    val size = bytes.remaining()

    fun byte(at: Long): Int = bytes.get(checked(at, 1)).toInt()

    fun ushort(at: Long): Int = bytes.getShort(checked(at, 2)).toInt() and 0xFFFF

    fun int(at: Long): Int = bytes.getInt(checked(at, 4))

    fun uint(at: Long): Long = int(at).toLong() and 0xFFFFFFFFL

    fun long(at: Long): Long = bytes.getLong(checked(at, 8))

    fun float(at: Long): Float = bytes.getFloat(checked(at, 4))

    /** Returns a part without copying it. */
    fun slice(at: Long, length: Long): ByteBuffer {
        val from = checked(at, length)
        val part = bytes.duplicate()
        part.limit(from + length.toInt()).position(from)
        return part.slice().order(ByteOrder.LITTLE_ENDIAN)
    }

    fun table(at: Long): Table = Table(this, at)

    /** Returns the table that the offset at the very beginning names. */
    fun root(): Table = table(uint(0))

    private fun checked(at: Long, length: Long): Int {
        if (at < 0 || length < 0 || at > size - length) throw ModelException("the model file is cut off or damaged (byte $at of $size)")
        return start + at.toInt()
    }
}

/** One table: its fields by their number in the schema; one that is absent has its default. */
internal class Table(private val data: FlatBuffer, private val at: Long) {
    private val vtable = at - data.int(at)
    private val fields = (data.ushort(vtable) - 4) / 2

    private fun place(field: Int): Long? {
        val offset = if (field < fields) data.ushort(vtable + 4 + 2L * field) else 0
        return if (offset == 0) null else at + offset
    }

    fun byte(field: Int): Int = place(field)?.let(data::byte) ?: 0

    fun int(field: Int): Int = place(field)?.let(data::int) ?: 0

    fun uint(field: Int): Long = place(field)?.let(data::uint) ?: 0

    fun ulong(field: Int): Long = place(field)?.let(data::long) ?: 0

    fun table(field: Int): Table? = place(field)?.let { data.table(it + data.uint(it)) }

    fun vector(field: Int): Vector = place(field)?.let { Vector(data, it + data.uint(it)) } ?: Vector(data, null)
}

/** A vector of a table: numbers, texts, or tables; empty where the field is absent. */
internal class Vector(private val data: FlatBuffer, private val at: Long?) {
    /** Elements; as many as the file says, which may be more than it holds: each read is checked. */
    val length: Int = if (at == null) 0 else minOf(data.uint(at), data.size.toLong()).toInt()

    private fun place(index: Int, width: Long): Long {
        if (at == null || index < 0 || index >= length) throw ModelException("the model file is damaged (entry $index of $length)")
        return at + 4 + width * index
    }

    fun int(index: Int): Int = data.int(place(index, 4))

    fun long(index: Int): Long = data.long(place(index, 8))

    fun float(index: Int): Float = data.float(place(index, 4))

    fun table(index: Int): Table = place(index, 4).let { data.table(it + data.uint(it)) }

    fun bytes(): ByteBuffer = if (at == null) data.slice(0, 0) else data.slice(at + 4, data.uint(at))

    fun text(): String = Charsets.UTF_8.decode(bytes()).toString()
}
