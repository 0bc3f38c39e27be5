package edgeeffnet.core

/**
 * How a stored picture becomes upright: turned clockwise, then mirrored left to right if asked for.
 *
 * @property degrees 0, 90, 180 or 270, clockwise.
 */
data class Turn(val degrees: Int, val isMirrored: Boolean = false) {
    init {
        require(degrees in 0..270 && degrees % 90 == 0) { "a turn of $degrees degrees; 0, 90, 180, 270 are allowed" }
    }

    /** Whether width and height change places. */
    val swapsSides: Boolean get() = degrees % 180 != 0

    /** Returns how to walk a stored picture of this size so that its pixels come upright. */
    fun walk(width: Int, height: Int): Walk {
        val right = width - 1
        val bottom = height - 1
        val upright = when (degrees) {
            0 -> Walk(0, 0, 1, 0, 0, 1)
            90 -> Walk(0, bottom, 0, -1, 1, 0)
            180 -> Walk(right, bottom, -1, 0, 0, -1)
            else -> Walk(right, 0, 0, 1, -1, 0)
        }
        if (!isMirrored) return upright
        val far = (if (swapsSides) height else width) - 1
        return upright.from(far, 0).let { Walk(it.x, it.y, -it.xPerColumn, -it.yPerColumn, it.xPerRow, it.yPerRow) }
    }

    /** Returns the picture upright. */
    fun upright(picture: RgbImage): RgbImage {
        if (degrees == 0 && !isMirrored) return picture
        val walk = walk(picture.width, picture.height)
        val width = if (swapsSides) picture.height else picture.width
        val turned = RgbImage.blank(width, if (swapsSides) picture.width else picture.height)
        var to = 0
        for (row in 0 until turned.height) {
            for (column in 0 until width) {
                val from = (walk.yAt(column, row) * picture.width + walk.xAt(column, row)) * 3
                System.arraycopy(picture.bytes, from, turned.bytes, to, 3)
                to += 3
            }
        }
        return turned
    }

    companion object {
        private val OF_EXIF = listOf(
            Turn(0), Turn(0, true), Turn(180), Turn(180, true), Turn(90, true), Turn(90), Turn(270, true), Turn(270),
        )

        /** Returns what EXIF's tag 0x0112 asks for, 1 to 8; anything else counts as upright. References: EXIF 2.32. */
        fun ofExif(orientation: Int): Turn = OF_EXIF.getOrElse(orientation - 1) { Turn(0) }
    }
}

/** Where the pixel (column, row) of the upright picture lies in the stored one. */
class Walk(
    val x: Int,
    val y: Int,
    val xPerColumn: Int,
    val yPerColumn: Int,
    val xPerRow: Int,
    val yPerRow: Int,
) {
    fun xAt(column: Int, row: Int): Int = x + column * xPerColumn + row * xPerRow

    fun yAt(column: Int, row: Int): Int = y + column * yPerColumn + row * yPerRow

    /** Returns the same walk, begun at another pixel. */
    fun from(column: Int, row: Int): Walk = Walk(xAt(column, row), yAt(column, row), xPerColumn, yPerColumn, xPerRow, yPerRow)
}
