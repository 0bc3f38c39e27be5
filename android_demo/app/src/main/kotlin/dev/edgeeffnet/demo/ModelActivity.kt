package dev.edgeeffnet.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.widget.TextView
import edgeeffnet.core.GoldenCheck
import edgeeffnet.core.GoldenResult
import edgeeffnet.core.ModelException
import java.io.IOException

/** The model: what its file says, the contract's own test, and another file to take its place. */
class ModelActivity : Activity() {
    private lateinit var store: ModelStore
    private lateinit var worker: Worker

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_model)
        Insets.keepClear(findViewById(R.id.root))
        store = ModelStore(this)
        worker = Worker("model")
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        findViewById<View>(R.id.choose).setOnClickListener { choose() }
        findViewById<View>(R.id.built_in).setOnClickListener {
            store.forget()
            show { store.load() }
        }
        findViewById<View>(R.id.check).setOnClickListener { check() }
        show { store.load() }
    }

    override fun onDestroy() {
        worker.end()
        super.onDestroy()
    }

    private fun choose() {
        val open = Intent(Intent.ACTION_OPEN_DOCUMENT).setType("*/*")
            .addCategory(Intent.CATEGORY_OPENABLE).putExtra(Intent.EXTRA_ALLOW_MULTIPLE, true)
        try {
            @Suppress("DEPRECATION") // its successor is not part of the framework
            startActivityForResult(open, REQUEST)
        } catch (none: ActivityNotFoundException) {
            say(R.id.problem, getString(R.string.no_files))
        }
    }

    @Deprecated("its successor is not part of the framework")
    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        val several = data?.clipData?.let { clip -> List(clip.itemCount) { clip.getItemAt(it).uri } }
        val uris: List<Uri> = several ?: listOfNotNull(data?.data)
        if (uris.isNotEmpty()) show { store.pick(uris) }
    }

    private fun say(view: Int, words: String) {
        findViewById<TextView>(view).text = words
    }

    /** Loads a model on the worker and shows what it says of itself; what was shown stays if that fails. */
    private fun show(load: () -> LoadedModel) {
        say(R.id.problem, getString(R.string.working))
        worker.post {
            try {
                val facts = ModelFacts(this).of(load())
                tell(R.id.facts to facts, R.id.problem to "", R.id.check_result to "")
            } catch (fault: ModelException) {
                tell(R.id.problem to (fault.message ?: ""))
            }
        }
    }

    private fun tell(vararg words: Pair<Int, String>) = runOnUiThread {
        if (!isDestroyed) words.forEach { (view, text) -> say(view, text) }
    }

    private fun check() {
        say(R.id.check_result, getString(R.string.working))
        worker.post {
            val words = try {
                checked(store.load())
            } catch (fault: ModelException) {
                fault.message ?: ""
            } catch (fault: EngineException) {
                fault.message ?: ""
            } catch (fault: IOException) {
                fault.message ?: ""
            }
            tell(R.id.check_result to words)
        }
    }

    private fun checked(loaded: LoadedModel): String {
        val reason = loaded.model.goldenReason
        if (reason != null) return getString(R.string.check_not_available, reason)
        return runtime.open(loaded.model, Settings(this).engine).use { engine ->
            val results = GoldenCheck(loaded.model).run(PictureReader::decode, engine::run)
            val lines = results.mapIndexed { index, result -> line(index, result, loaded.model.labels) }
            val verdict = if (results.all { it.isGood }) R.string.check_good else R.string.check_bad
            (lines + getString(verdict, getString(engine.choice.title))).joinToString("\n")
        }
    }

    private fun line(index: Int, result: GoldenResult, labels: List<String>): String {
        val input = when {
            result.inputIsEqual -> getString(R.string.check_input_equal)
            result.inputSteps == null -> getString(R.string.check_input_differs)
            else -> getString(R.string.check_input_steps, result.inputSteps)
        }
        val heat = result.mapApart?.let { getString(R.string.check_heat, it) } ?: ""
        val mark = getString(if (result.isGood) R.string.check_line_good else R.string.check_line_bad)
        return getString(R.string.check_line, index + 1, mark, input, result.outputSteps, labels[result.top1]) + heat
    }

    private companion object {
        const val REQUEST = 1
    }
}

/** What a model says of itself, in words. */
class ModelFacts(private val activity: Activity) {
    fun of(loaded: LoadedModel): String {
        val model = loaded.model
        val origin = activity.getString(if (loaded.isBuiltIn) R.string.model_built_in else R.string.model_picked)
        val facts = activity.getString(
            R.string.model_facts, loaded.name, origin, model.bytes.remaining() / 1e6, model.sha256.take(16),
            model.input, model.output, model.preprocessing.id, model.labels.size,
        )
        val heat = model.camReason?.let { activity.getString(R.string.no_heat, it) } ?: activity.getString(R.string.has_heat)
        return (listOf(facts, heat) + model.notes).joinToString("\n")
    }
}
