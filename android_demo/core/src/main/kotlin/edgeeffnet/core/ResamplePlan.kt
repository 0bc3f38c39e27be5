package edgeeffnet.core

/** How pictures of one size become the square. */
internal abstract class Plan(val width: Int, val height: Int) {
    abstract val window: Window

    /**
     * Makes the square.
     *
     * @param from the picture's bytes.
     * @param offset of the window's first pixel in them.
     * @param stride bytes from row to row.
     * @param to (size, size, 3).
     */
    abstract fun run(from: ByteArray, offset: Int, stride: Int, to: ByteArray)
}

/** Picks pixels: the centre of each output, added up in steps as Pillow does. */
internal class NearestPlan(preprocessing: Preprocessing, width: Int, height: Int) : Plan(width, height) {
    private val size = preprocessing.resolutionPx
    private val square = preprocessing.square(width, height)
    private val columns = places(square.left)
    private val rows = places(square.top)

    override val window = Window(columns[0], rows[0], columns[size - 1] + 1 - columns[0], rows[size - 1] + 1 - rows[0])

    private fun places(from: Double): IntArray {
        val step = square.side.toDouble() / size
        var at = from + step * 0.5
        return IntArray(size) { at.toInt().also { at += step } }
    }

    override fun run(from: ByteArray, offset: Int, stride: Int, to: ByteArray) {
        var place = 0
        for (y in 0 until size) {
            val row = offset + (rows[y] - window.top) * stride
            for (x in 0 until size) {
                System.arraycopy(from, row + (columns[x] - window.left) * 3, to, place, 3)
                place += 3
            }
        }
    }
}

/** Filters columns, then rows; rows first for pictures that are much taller than wide, as Pillow 13 does. */
internal class FilterPlan(preprocessing: Preprocessing, width: Int, height: Int) : Plan(width, height) {
    private val size = preprocessing.resolutionPx
    private val square = preprocessing.square(width, height)
    private val columns = Taps(Axis(width, square.left, square.side, size), preprocessing.resample)
    private val rows = Taps(Axis(height, square.top, square.side, size), preprocessing.resample)
    private val rowsFirst = height > maxOf(size, 2 * width - size)

    override val window = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)

    private val sums = IntArray(3 * if (rowsFirst) window.width else size)
    private val middle = ByteArray(size * 3 * if (rowsFirst) window.width else window.height)

    override fun run(from: ByteArray, offset: Int, stride: Int, to: ByteArray) {
        if (rowsFirst) {
            filterRows(from, offset, stride, window.width, middle)
            filterColumns(middle, 0, window.width * 3, size, to)
        } else {
            filterColumns(from, offset, stride, window.height, middle)
            filterRows(middle, 0, size * 3, size, to)
        }
    }

    /** Makes `size` columns of each row: (height, any, 3) -> (height, size, 3). */
    private fun filterColumns(from: ByteArray, offset: Int, stride: Int, height: Int, to: ByteArray) {
        val weights = columns.weights
        val counts = columns.counts
        var place = 0
        for (y in 0 until height) {
            val row = offset + y * stride - columns.start * 3
            for (x in 0 until size) {
                var at = row + columns.first[x] * 3
                var red = HALF
                var green = HALF
                var blue = HALF
                val begin = x * columns.width
                for (tap in begin until begin + counts[x]) {
                    val weight = weights[tap]
                    red += (from[at].toInt() and 255) * weight
                    green += (from[at + 1].toInt() and 255) * weight
                    blue += (from[at + 2].toInt() and 255) * weight
                    at += 3
                }
                to[place++] = code(red)
                to[place++] = code(green)
                to[place++] = code(blue)
            }
        }
    }

    /** Makes `size` rows: (any, width, 3) -> (size, width, 3). */
    private fun filterRows(from: ByteArray, offset: Int, stride: Int, width: Int, to: ByteArray) {
        val weights = rows.weights
        val sums = sums
        var place = 0
        for (y in 0 until size) {
            val begin = y * rows.width
            sums.fill(HALF, 0, width * 3)
            // Row by row of the picture, in the order in which it lies in memory.
            for (tap in 0 until rows.counts[y]) {
                val weight = weights[begin + tap]
                val at = offset + (rows.first[y] - rows.start + tap) * stride
                for (x in 0 until width * 3) sums[x] += (from[at + x].toInt() and 255) * weight
            }
            for (x in 0 until width * 3) to[place++] = code(sums[x])
        }
    }

    private fun code(sum: Int): Byte {
        val value = sum shr Taps.BITS
        return (if (value < 0) 0 else if (value > 255) 255 else value).toByte()
    }

    private companion object {
        const val HALF = 1 shl (Taps.BITS - 1)
    }
}
