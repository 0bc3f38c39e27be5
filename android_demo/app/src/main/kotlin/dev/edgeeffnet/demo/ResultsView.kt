package dev.edgeeffnet.demo

import android.content.Context
import android.util.AttributeSet
import android.view.LayoutInflater
import android.view.View
import android.widget.LinearLayout
import android.widget.ProgressBar
import android.widget.TextView
import edgeeffnet.core.Guess

/** The likeliest classes, one a row: label, bar, percent. */
class ResultsView(context: Context, attributes: AttributeSet?) : LinearLayout(context, attributes) {
    init {
        orientation = VERTICAL
        val inflater = LayoutInflater.from(context)
        repeat(LiveClassifier.SHOWN) { addView(inflater.inflate(R.layout.result_row, this, false)) }
        show(emptyList())
    }

    /** Shows some classes; fewer than there are rows leave the rest empty, so that nothing below moves. */
    fun show(top: List<Guess>) {
        for (index in 0 until childCount) {
            val row = getChildAt(index)
            val guess = top.getOrNull(index)
            row.visibility = if (guess == null) View.INVISIBLE else View.VISIBLE
            if (guess != null) show(row, guess)
        }
    }

    private fun show(row: View, guess: Guess) {
        val percent = resources.getString(R.string.percent, 100 * guess.score)
        row.findViewById<TextView>(R.id.label).text = guess.label
        row.findViewById<TextView>(R.id.percent).text = percent
        row.findViewById<ProgressBar>(R.id.bar).progress = Math.round(STEPS * guess.score)
        row.contentDescription = resources.getString(R.string.result_description, guess.label, percent)
    }

    private companion object {
        const val STEPS = 1000f // android:max of the bar
    }
}
