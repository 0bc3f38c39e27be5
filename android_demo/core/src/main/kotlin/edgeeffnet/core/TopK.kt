package edgeeffnet.core

/**
 * One class.
 *
 * @property score how sure the network is of it, 0 to 1.
 */
class Guess(val index: Int, val label: String, val score: Float)

/** The likeliest classes. */
object TopK {
    /**
     * Returns the likeliest classes, the likeliest first; of equals the lowest index.
     *
     * @param scores one a class.
     * @param labels one a class.
     * @param count how many at most.
     * @param threshold the least score that is returned.
     */
    fun of(scores: FloatArray, labels: List<String>, count: Int, threshold: Float = 0f): List<Guess> {
        val found = ArrayList<Guess>(count)
        for (index in scores.indices) {
            val score = scores[index]
            if (score.isNaN() || score < threshold || (found.size == count && (count == 0 || score <= found[count - 1].score))) continue
            if (found.size == count) found.removeAt(count - 1)
            var place = found.size
            while (place > 0 && found[place - 1].score < score) place--
            found.add(place, Guess(index, labels[index], score))
        }
        return found
    }

    /** Returns the index of the largest value; of equals the lowest. */
    fun first(values: FloatArray): Int {
        var best = 0
        for (index in values.indices) if (values[index] > values[best]) best = index
        return best
    }
}
