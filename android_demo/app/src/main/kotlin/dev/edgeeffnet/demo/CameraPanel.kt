package dev.edgeeffnet.demo

import android.app.Activity
import android.content.Intent
import android.view.View
import android.widget.Switch
import android.widget.TextView

/**
 * What stands beside the picture: labels, times, what runs, switches, ways to the other screens.
 *
 * @param onEngine another engine was chosen.
 * @param onCamera the other camera is wanted.
 * @param onHeat the heat map was switched.
 */
class CameraPanel(
    private val activity: Activity,
    private val settings: Settings,
    onEngine: (EngineChoice) -> Unit,
    onCamera: () -> Unit,
    onHeat: (Boolean) -> Unit,
) {
    private val results: ResultsView = activity.findViewById(R.id.results)
    private val times: TextView = activity.findViewById(R.id.times)
    private val whatRuns: TextView = activity.findViewById(R.id.what_runs)
    private val notes: TextView = activity.findViewById(R.id.notes)
    private val heat: Switch = activity.findViewById(R.id.heat)
    private val heatReason: TextView = activity.findViewById(R.id.heat_reason)
    private val switchCamera: View = activity.findViewById(R.id.switch_camera)
    private val engines = EngineMenu(activity.findViewById(R.id.engine)) { choice ->
        if (choice != settings.engine) {
            settings.engine = choice
            onEngine(choice)
        }
    }

    init {
        engines.select(settings.engine)
        heat.setOnCheckedChangeListener { _, isOn ->
            if (heat.isEnabled) {
                settings.showsHeat = isOn
                onHeat(isOn)
            }
        }
        switchCamera.setOnClickListener { onCamera() }
        leadsTo(R.id.open_picture, PictureActivity::class.java)
        leadsTo(R.id.open_benchmark, BenchmarkActivity::class.java)
        leadsTo(R.id.open_model, ModelActivity::class.java)
    }

    private fun leadsTo(button: Int, screen: Class<out Activity>) {
        activity.findViewById<View>(button).setOnClickListener { activity.startActivity(Intent(activity, screen)) }
    }

    /** Shows what is known of the model. */
    fun show(loaded: LoadedModel, hasBothCameras: Boolean) {
        val reason = loaded.model.camReason
        heat.isEnabled = reason == null
        heat.isChecked = reason == null && settings.showsHeat
        say(heatReason, reason?.let { activity.getString(R.string.no_heat, it) })
        say(notes, loaded.model.notes.joinToString("\n").ifEmpty { null })
        switchCamera.visibility = if (hasBothCameras) View.VISIBLE else View.GONE
    }

    private fun say(view: TextView, words: String?) {
        view.text = words
        view.visibility = if (words == null) View.GONE else View.VISIBLE
    }

    /** Names what runs. */
    fun show(loaded: LoadedModel, engine: Engine) {
        engines.select(engine.choice)
        whatRuns.text = activity.getString(R.string.what_runs, loaded.name, activity.getString(engine.choice.title), activity.runtime.name)
    }

    /**
     * Shows what a frame came to.
     *
     * @param cameraPerSecond frames that the camera gives, looked at or not.
     */
    fun show(result: LiveResult, cameraPerSecond: Double?) {
        results.show(result.top)
        times.text = activity.getString(
            R.string.times, rate(cameraPerSecond), rate(result.lookedAtPerSecond),
            result.preprocessMs, result.inferenceMs, result.inferenceP90Ms,
        )
    }

    private fun rate(perSecond: Double?): String =
        if (perSecond == null) activity.getString(R.string.rate_unknown) else activity.getString(R.string.rate, perSecond)
}
