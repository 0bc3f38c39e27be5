package dev.edgeeffnet.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.widget.ImageView
import android.widget.TextView
import edgeeffnet.core.ModelException
import edgeeffnet.core.PixelSize
import edgeeffnet.core.Preparer
import edgeeffnet.core.Scores
import edgeeffnet.core.TopK
import java.io.IOException

/** A picture from the gallery: its labels, and where they come from. */
class PictureActivity : Activity() {
    private lateinit var settings: Settings
    private var worker: Worker? = null
    private var picture: Uri? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_picture)
        Insets.keepClear(findViewById(R.id.root))
        settings = Settings(this)
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        findViewById<View>(R.id.choose).setOnClickListener { choose() }
        @Suppress("DEPRECATION") // its successor needs API 33
        picture = state?.getParcelable(PICTURE)
        if (state == null) choose()
    }

    override fun onStart() {
        super.onStart()
        worker = Worker("picture")
        picture?.let(::look)
    }

    override fun onStop() {
        worker?.end()
        worker = null
        super.onStop()
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putParcelable(PICTURE, picture)
    }

    private fun choose() {
        val pick = Intent(Intent.ACTION_GET_CONTENT).setType("image/*").addCategory(Intent.CATEGORY_OPENABLE)
        try {
            @Suppress("DEPRECATION") // its successor is not part of the framework
            startActivityForResult(pick, REQUEST)
        } catch (none: ActivityNotFoundException) {
            say(getString(R.string.no_gallery))
        }
    }

    @Deprecated("its successor is not part of the framework")
    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        picture = data?.data ?: return // onStart looks at it
    }

    private fun say(words: String) {
        findViewById<TextView>(R.id.facts).text = words
    }

    /** Everything that takes time: the model, the engine, the picture. */
    private fun look(uri: Uri) {
        say(getString(R.string.working))
        worker?.post {
            val shown = try {
                answer(PictureReader.read(contentResolver, uri))
            } catch (fault: IOException) {
                failure(getString(R.string.picture_failed, fault.message))
            } catch (fault: ModelException) {
                failure(fault.message ?: "")
            } catch (fault: EngineException) {
                failure(fault.message ?: "")
            } catch (fault: OutOfMemoryError) {
                failure(getString(R.string.picture_too_large))
            }
            runOnUiThread { if (!isDestroyed) shown() }
        }
    }

    private fun failure(words: String): () -> Unit = { say(words) }

    private fun answer(picture: GalleryPicture): () -> Unit {
        val loaded = ModelStore(this).load()
        val model = loaded.model
        runtime.open(model, settings.engine).use { engine ->
            val begun = System.nanoTime()
            val input = Preparer(model).input(picture.pixels)
            val prepared = System.nanoTime()
            val outputs = engine.run(input)
            val done = System.nanoTime()
            val top = TopK.of(Scores(model).of(outputs[0]), model.labels, LiveClassifier.SHOWN)
            val cam = model.cam?.takeIf { top.isNotEmpty() } // answers that are no numbers have no likeliest class
            val heat = cam?.let { Heat.bitmap(it.of(outputs[it.features], top[0].index), it.width, it.height) }
            val size = PixelSize(picture.pixels.width, picture.pixels.height)
            val smaller = if (picture.reduction == 1) "" else getString(R.string.decoded_smaller, picture.reduction)
            val words = getString(
                R.string.picture_facts, size.width, size.height, (prepared - begun) / 1e6, (done - prepared) / 1e6,
                loaded.name, getString(engine.choice.title),
            ) + smaller
            val bitmap = picture.bitmap()
            return {
                findViewById<ImageView>(R.id.picture).setImageBitmap(bitmap)
                findViewById<ResultsView>(R.id.results).show(top)
                val overlay = findViewById<OverlayView>(R.id.overlay)
                overlay.show(size, model.preprocessing, false, heat.takeIf { settings.showsHeat })
                say(words)
            }
        }
    }

    private companion object {
        const val PICTURE = "picture"
        const val REQUEST = 1
    }
}
