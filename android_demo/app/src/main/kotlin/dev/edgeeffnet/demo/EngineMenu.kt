package dev.edgeeffnet.demo

import android.content.Context
import android.view.View
import android.view.ViewGroup
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Spinner

/** The engines to choose from; what this phone or this app lacks is listed with the reason and cannot be chosen. */
class EngineMenu(private val spinner: Spinner, private val onChosen: (EngineChoice) -> Unit) {
    private val choices = EngineChoice.values()

    init {
        spinner.adapter = Rows(spinner.context)
        spinner.onItemSelectedListener = object : AdapterView.OnItemSelectedListener {
            override fun onItemSelected(parent: AdapterView<*>?, view: View?, position: Int, id: Long) = onChosen(choices[position])

            override fun onNothingSelected(parent: AdapterView<*>?) = Unit
        }
    }

    /** Shows what is in use. */
    fun select(choice: EngineChoice) = spinner.setSelection(choice.ordinal)

    private inner class Rows(context: Context) : ArrayAdapter<String>(
        context,
        android.R.layout.simple_spinner_item,
        choices.map { context.getString(it.title) },
    ) {
        private val offers = choices.map(context.runtime::offer)

        init {
            setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item)
        }

        override fun isEnabled(position: Int): Boolean = offers[position] is Offer.Available

        override fun areAllItemsEnabled(): Boolean = offers.all { it is Offer.Available }

        override fun getDropDownView(position: Int, convertView: View?, parent: ViewGroup): View {
            val row = super.getDropDownView(position, convertView, parent) as android.widget.TextView
            val offer = offers[position]
            row.isEnabled = offer is Offer.Available
            row.text = if (offer is Offer.Missing) context.getString(R.string.engine_missing, getItem(position), context.getString(offer.reason)) else getItem(position)
            row.isSingleLine = false
            return row
        }
    }
}
