package dev.edgeeffnet.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.view.WindowManager
import android.widget.Button
import android.widget.CheckBox
import android.widget.LinearLayout
import android.widget.ProgressBar
import android.widget.RadioGroup
import android.widget.TextView
import edgeeffnet.core.BenchmarkPlan
import edgeeffnet.core.ModelException
import java.io.File
import java.io.IOException

/** Measures the model on this phone, and gives the figures to `edge-effnet report`. */
class BenchmarkActivity : Activity() {
    private val boxes = LinkedHashMap<EngineChoice, CheckBox>()
    private val progress = Newest<Double> { findViewById<ProgressBar>(R.id.progress).progress = (it * STEPS).toInt() }
    private var worker: Worker? = null
    private var outcome: BenchmarkOutcome? = null

    @Volatile
    private var isCancelled = false

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_benchmark)
        Insets.keepClear(findViewById(R.id.root))
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        findViewById<View>(R.id.start).setOnClickListener { if (worker == null) start() else isCancelled = true }
        findViewById<View>(R.id.share).setOnClickListener { share() }
        findViewById<View>(R.id.save).setOnClickListener { save() }
        val list = findViewById<LinearLayout>(R.id.engines)
        for (choice in EngineChoice.values()) list.addView(box(choice).also { boxes[choice] = it })
        showReady()
    }

    override fun onStop() {
        isCancelled = true
        worker?.end()
        worker = null
        super.onStop()
    }

    private fun box(choice: EngineChoice) = CheckBox(this).apply {
        val offer = runtime.offer(choice)
        minHeight = resources.getDimensionPixelSize(R.dimen.touch)
        isEnabled = offer is Offer.Available
        isChecked = choice == Settings(context).engine
        text = if (offer is Offer.Missing) getString(R.string.engine_missing, getString(choice.title), getString(offer.reason)) else getString(choice.title)
    }

    private fun plan(): BenchmarkPlan = when (findViewById<RadioGroup>(R.id.length).checkedRadioButtonId) {
        R.id.length_short -> BenchmarkPlan(warmUpRuns = 10, turns = 6, runsPerTurn = 10)
        R.id.length_long -> BenchmarkPlan(warmUpRuns = 20, turns = 12, runsPerTurn = 50)
        else -> BenchmarkPlan(warmUpRuns = 10, turns = 6, runsPerTurn = 30)
    }

    private fun start() {
        val choices = boxes.filterValues { it.isChecked }.keys.toList()
        if (choices.isEmpty()) return say(getString(R.string.benchmark_choose))
        val run = BenchmarkRun(applicationContext, plan())
        isCancelled = false
        outcome = null
        worker = Worker("benchmark").apply { post { measure(run, choices) } }
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        say(getString(R.string.working))
        showReady()
    }

    private fun measure(run: BenchmarkRun, choices: List<EngineChoice>) {
        var words = getString(R.string.benchmark_cancelled)
        val found = try {
            run.measure(choices, progress::post) { isCancelled }?.also { words = words(it) }
        } catch (fault: ModelException) {
            null.also { words = fault.message ?: "" }
        } catch (fault: EngineException) {
            null.also { words = fault.message ?: "" }
        }
        runOnUiThread { finished(found, words) }
    }

    private fun finished(found: BenchmarkOutcome?, words: String) {
        worker?.quit()
        worker = null
        outcome = found
        window.clearFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        say(words)
        showReady()
    }

    private fun words(found: BenchmarkOutcome): String {
        val table = BenchmarkTable(this).of(found)
        val folder = getExternalFilesDir(null) ?: return table
        val file = File(folder, "benchmark.json")
        return try {
            file.writeText(found.document)
            table + getString(R.string.benchmark_kept, file.path)
        } catch (fault: IOException) {
            table + getString(R.string.benchmark_not_kept, fault.message)
        }
    }

    private fun say(words: String) {
        findViewById<TextView>(R.id.figures).text = words
    }

    private fun showReady() {
        val isRunning = worker != null
        findViewById<Button>(R.id.start).setText(if (isRunning) R.string.benchmark_stop else R.string.benchmark_start)
        findViewById<View>(R.id.progress).visibility = if (isRunning) View.VISIBLE else View.INVISIBLE
        for (id in intArrayOf(R.id.share, R.id.save)) findViewById<View>(id).isEnabled = outcome != null
    }

    private fun share() {
        val text = outcome?.document ?: return
        val send = Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, text).putExtra(Intent.EXTRA_SUBJECT, FILE)
        startActivity(Intent.createChooser(send, getString(R.string.benchmark_share)))
    }

    private fun save() {
        val create = Intent(Intent.ACTION_CREATE_DOCUMENT).setType("application/json")
            .addCategory(Intent.CATEGORY_OPENABLE).putExtra(Intent.EXTRA_TITLE, FILE)
        try {
            @Suppress("DEPRECATION") // its successor is not part of the framework
            startActivityForResult(create, REQUEST)
        } catch (none: ActivityNotFoundException) {
            say(getString(R.string.no_files))
        }
    }

    @Deprecated("its successor is not part of the framework")
    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        val uri = data?.data ?: return
        val text = outcome?.document ?: return say(getString(R.string.benchmark_gone))
        try {
            val stream = contentResolver.openOutputStream(uri, "wt") ?: throw IOException(getString(R.string.no_files))
            stream.use { it.write(text.toByteArray()) }
        } catch (fault: IOException) {
            say(getString(R.string.benchmark_not_kept, fault.message))
        }
    }

    private companion object {
        const val STEPS = 1000 // android:max of the bar
        const val REQUEST = 1
        const val FILE = "edge-effnet-benchmark.json"
    }
}
