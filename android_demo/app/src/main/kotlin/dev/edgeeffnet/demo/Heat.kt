package dev.edgeeffnet.demo

import android.graphics.Bitmap

/** Colours for heat maps: dark violet over red to light yellow, clear where nothing is. */
object Heat {
    private const val STRONGEST = 0.6f

    // Points of matplotlib's "inferno" (CC0), red, green, blue at equal steps from 0 to 1.
    private val POINTS = intArrayOf(0x000004, 0x420A68, 0x932667, 0xDD513A, 0xFCA50A, 0xFCFFA4)

    /**
     * Returns a picture of a map, one pixel a place; drawn larger it is to be filtered.
     *
     * @param map (height, width), 0 to 1.
     */
    fun bitmap(map: FloatArray, width: Int, height: Int): Bitmap =
        Bitmap.createBitmap(IntArray(map.size) { colour(map[it]) }, width, height, Bitmap.Config.ARGB_8888)

    private fun colour(value: Float): Int {
        val place = value.coerceIn(0f, 1f) * (POINTS.size - 1)
        val below = minOf(place.toInt(), POINTS.size - 2)
        val share = place - below
        var colour = (255 * STRONGEST * value).toInt()
        for (shift in intArrayOf(16, 8, 0)) {
            val low = POINTS[below] shr shift and 255
            val high = POINTS[below + 1] shr shift and 255
            colour = (colour shl 8) or (low + (high - low) * share).toInt()
        }
        return colour
    }
}
