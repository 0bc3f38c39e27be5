package dev.edgeeffnet.demo

import android.app.Activity
import android.content.ClipData
import android.content.Intent
import android.net.Uri
import android.widget.CheckBox
import android.widget.LinearLayout
import android.widget.RadioButton
import edgeeffnet.core.Json
import java.io.ByteArrayInputStream
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** Picture, benchmark and model. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [24, 34], application = TestApplication::class)
class OtherScreensTest {
    @Before
    fun aModel() = Screens.install("cam.tflite")

    private fun content(name: String, bytes: ByteArray): Uri {
        val uri = Uri.parse("content://test/$name")
        Shadows.shadowOf(Screens.application.contentResolver).registerInputStreamSupplier(uri) { ByteArrayInputStream(bytes) }
        return uri
    }

    private fun answer(screen: Activity, data: Intent) {
        val shadow = Shadows.shadowOf(screen)
        shadow.receiveResult(shadow.nextStartedActivityForResult.intent, Activity.RESULT_OK, data)
    }

    /** Bytes that are no picture end in words; Robolectric decodes pictures for newer releases only. */
    @Test
    @Config(sdk = [34])
    @GraphicsMode(GraphicsMode.Mode.NATIVE)
    fun aDamagedPictureEndsInWords() {
        val controller = Robolectric.buildActivity(PictureActivity::class.java).setup()
        controller.pause().stop()
        answer(controller.get(), Intent().setData(content("1", ByteArray(0))))
        controller.restart().resume()
        Screens.await("words") { "cannot be used" in Screens.text(controller.get(), R.id.facts) }
        controller.pause().stop().destroy()
        assertEquals(Screens.runtime.opened, Screens.runtime.closed)
    }

    /** A picture is turned as its EXIF says, and looked at; its size is that of the upright one. */
    @Test
    @Config(sdk = [34])
    @GraphicsMode(GraphicsMode.Mode.NATIVE)
    fun aPictureIsTurnedAndLookedAt() {
        val controller = Robolectric.buildActivity(PictureActivity::class.java).setup()
        controller.pause().stop()
        answer(controller.get(), Intent().setData(content("1", Screens.golden("turned.jpg").readBytes())))
        controller.restart().resume()
        Screens.await("labels") { "48 × 64 px" in Screens.text(controller.get(), R.id.facts) }
        val row = controller.get().findViewById<ResultsView>(R.id.results).getChildAt(0)
        assertTrue("${row.contentDescription}", row.contentDescription.startsWith("cat, house cat, 100.0"))
        controller.pause().stop().destroy()
        assertEquals(Screens.runtime.opened, Screens.runtime.closed)
    }

    private fun measured(prepare: (Activity) -> Unit): Activity {
        val screen = Robolectric.buildActivity(BenchmarkActivity::class.java).setup().get()
        screen.findViewById<RadioButton>(R.id.length_short).isChecked = true
        prepare(screen)
        Screens.click(screen, R.id.start)
        return screen
    }

    private fun box(screen: Activity, choice: EngineChoice) = screen.findViewById<LinearLayout>(R.id.engines).getChildAt(choice.ordinal) as CheckBox

    /** Engines are measured in turns; the document that is shared has them, and is kept. */
    @Test
    fun theFiguresCanBeShared() {
        val screen = measured { box(it, EngineChoice.XNNPACK_1).isChecked = true }
        Screens.await("figures") { "p50" in Screens.text(screen, R.id.figures) }
        Screens.click(screen, R.id.share)
        @Suppress("DEPRECATION")
        val send = Shadows.shadowOf(screen).nextStartedActivity.getParcelableExtra<Intent>(Intent.EXTRA_INTENT)!!
        val text = send.getStringExtra(Intent.EXTRA_TEXT)!!
        val results = ((Json.parse(text) as Map<*, *>)["results"] as List<*>).map { it as Map<*, *> }
        assertEquals(listOf(1L, 4L), results.map { it["threads"] })
        assertEquals(listOf("ok", "ok"), results.map { it["status"] })
        assertEquals(60, (results[0]["samples_ms"] as List<*>).size)
        assertEquals("cam.tflite", results[0]["model"])
        assertEquals(text, File(screen.getExternalFilesDir(null), "benchmark.json").readText())
        assertEquals(Screens.runtime.opened, Screens.runtime.closed)
    }

    /** An engine that fails has its reason in the table and in the document; the others are measured. */
    @Test
    fun oneBrokenEngineDoesNotStopTheOthers() {
        Screens.runtime.broken.add(EngineChoice.XNNPACK_2)
        val screen = measured { box(it, EngineChoice.XNNPACK_2).isChecked = true }
        Screens.await("figures") { "p50" in Screens.text(screen, R.id.figures) }
        assertTrue("not measured, broken: XNNPACK_2" in Screens.text(screen, R.id.figures))
    }

    /** An engine that breaks down while it is measured ends in words, with nothing to share. */
    @Test
    fun aBreakdownEndsInWords() {
        Screens.runtime.failsToRun = true
        val screen = measured { }
        Screens.await("words") { "it broke down" in Screens.text(screen, R.id.figures) }
        assertFalse(screen.findViewById<android.view.View>(R.id.share).isEnabled)
        assertEquals(Screens.runtime.opened, Screens.runtime.closed)
    }

    /** What the app lacks is listed with the reason and cannot be chosen. */
    @Test
    fun whatIsMissingIsListed() {
        val screen = Robolectric.buildActivity(BenchmarkActivity::class.java).setup().get()
        val gpu = box(screen, EngineChoice.GPU)
        assertFalse(gpu.isEnabled)
        assertEquals("GPU: the GPU delegate is not in this app", gpu.text.toString())
    }

    private fun modelScreen(): Activity {
        val screen = Robolectric.buildActivity(ModelActivity::class.java).setup().get()
        Screens.await("facts") { "cam.tflite" in Screens.text(screen, R.id.facts) }
        return screen
    }

    /** Another file takes the model's place, with the contract beside it. */
    @Test
    fun anotherModelTakesItsPlace() {
        val screen = modelScreen()
        val contract = "{\"labels\": [\"v\", \"w\", \"x\", \"y\", \"z\"]}".toByteArray()
        val files = ClipData.newRawUri("", content("other.contract.json", contract))
        files.addItem(ClipData.Item(content("plain.tflite", Screens.golden("plain_uint8.tflite").readBytes())))
        Screens.click(screen, R.id.choose)
        answer(screen, Intent().apply { clipData = files })
        Screens.await("the other model") { "plain.tflite" in Screens.text(screen, R.id.facts) }
        val loaded = ModelStore(screen).load()
        assertEquals(listOf("v", "w", "x", "y", "z"), loaded.model.labels)
        assertEquals("plain.tflite", loaded.name)
    }

    /** A file that is no model is refused in words, and the one before stays. */
    @Test
    fun aDamagedModelIsRefused() {
        val screen = modelScreen()
        Screens.click(screen, R.id.choose)
        answer(screen, Intent().setData(content("x.tflite", "no model".toByteArray())))
        Screens.await("words") { "no TensorFlow Lite model" in Screens.text(screen, R.id.problem) }
        assertTrue("cam.tflite" in Screens.text(screen, R.id.facts))
        assertEquals("cam.tflite", ModelStore(screen).load().name)
        assertFalse(File(screen.filesDir, "new.tflite").exists())
    }

    /** A self-check that cannot be done says why. */
    @Test
    fun aSelfCheckWithoutVectorsSaysWhy() {
        val screen = modelScreen()
        Screens.click(screen, R.id.check)
        Screens.await("words") { "Not available: MODEL.contract.json was not beside the model." in Screens.text(screen, R.id.check_result) }
    }

    /** The one in the app comes back; where there is none that is said. */
    @Test
    fun thePickedModelCanBeForgotten() {
        val screen = modelScreen()
        Screens.click(screen, R.id.built_in)
        Screens.await("words") { Screens.text(screen, R.id.problem) == screen.getString(R.string.no_model) }
    }
}
