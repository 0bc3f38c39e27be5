package dev.edgeeffnet.demo

import android.Manifest
import android.content.Intent
import android.hardware.camera2.CameraManager
import android.os.HandlerThread
import android.view.View
import android.widget.Switch
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowToast

/** The first screen, on Android's own code: what needs no camera also on the oldest release, for which Robolectric has none. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], application = TestApplication::class)
class CameraActivityTest {
    private lateinit var controller: ActivityController<CameraActivity>
    private val screen get() = controller.get()
    private val shadow get() = Shadows.shadowOf(screen)

    @Before
    fun aPhone() {
        Screens.install("cam.tflite")
        Screens.addCamera("0", isFront = false)
        Screens.addCamera("1", isFront = true)
    }

    @After
    fun leave() {
        if (controller.get().isDestroyed) return
        controller.pause().stop().destroy()
        assertEquals("engines are closed", Screens.runtime.opened, Screens.runtime.closed)
    }

    private fun grant() = Shadows.shadowOf(Screens.application).grantPermissions(Manifest.permission.CAMERA)

    private fun start() {
        controller = Robolectric.buildActivity(CameraActivity::class.java).setup()
    }

    private fun feed(): CameraFeed? = Screens.part(screen, "feed")

    private fun startWithCamera(): CameraFeed {
        grant()
        start()
        Screens.bringTexture(screen)
        Screens.await("the camera and the engine") { feed()?.let { Screens.part<Any?>(it, "device") } != null && Screens.text(screen, R.id.what_runs) != "" }
        return feed()!!
    }

    private fun message() = Screens.text(screen, R.id.message_text)

    /** The system's question comes once, beside the reason; a refusal for ever leads to the settings. */
    @Test
    @Config(sdk = [24, 34])
    fun aRefusalForEverLeadsToTheSettings() {
        start()
        assertEquals(listOf(Manifest.permission.CAMERA), shadow.lastRequestedPermission.requestedPermissions.toList())
        assertEquals(screen.getString(R.string.camera_why), message())
        screen.onRequestPermissionsResult(CameraPermission.REQUEST, arrayOf(Manifest.permission.CAMERA), intArrayOf(-1))
        assertEquals(screen.getString(R.string.camera_refused), message())
        Screens.click(screen, R.id.message_action)
        assertEquals("android.settings.APPLICATION_DETAILS_SETTINGS", shadow.nextStartedActivity.action)
    }

    /** After one refusal the button asks again; when the answer is yes the camera starts. */
    @Test
    fun oneRefusalCanBeTakenBack() {
        Shadows.shadowOf(Screens.application.packageManager).setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, true)
        start()
        screen.onRequestPermissionsResult(CameraPermission.REQUEST, arrayOf(Manifest.permission.CAMERA), intArrayOf(-1))
        assertEquals(screen.getString(R.string.allow_camera), Screens.text(screen, R.id.message_action))
        grant()
        Screens.bringTexture(screen)
        screen.onRequestPermissionsResult(CameraPermission.REQUEST, arrayOf(Manifest.permission.CAMERA), intArrayOf(0))
        Screens.await("the camera") { feed() != null }
    }

    /** A frame becomes labels and times; what runs is named. */
    @Test
    fun aFrameIsLookedAt() {
        val feed = startWithCamera()
        feed.frames.offer(Screens::fill)
        Screens.part<Inference>(screen, "inference").look(feed.frames)
        Screens.await("labels") { Screens.text(screen, R.id.times) != "" }
        val row = screen.findViewById<ResultsView>(R.id.results).getChildAt(0)
        assertTrue("${row.contentDescription}", row.contentDescription.startsWith("cat, house cat, 100.0"))
        assertEquals("cam.tflite · CPU, XNNPACK, 4 threads · fake 1.0", Screens.text(screen, R.id.what_runs))
    }

    /** When the user leaves, the camera, its thread and the engine are closed; coming back opens them again. */
    @Test
    fun leavingClosesEverything() {
        val feed = startWithCamera()
        controller.pause()
        assertNull(feed())
        assertNull(Screens.part<Any?>(feed, "device"))
        assertFalse(Screens.part<HandlerThread>(Screens.part(feed, "worker"), "thread").isAlive)
        controller.stop()
        assertEquals(Screens.runtime.opened, Screens.runtime.closed)
        controller.restart().resume()
        Screens.await("the camera again") { feed() != null }
        controller.pause().stop().destroy()
        assertEquals(2, Screens.runtime.opened.size)
        assertEquals(Screens.runtime.opened, Screens.runtime.closed)
    }

    /** The other camera is another feed, and is remembered. */
    @Test
    fun theOtherCameraIsRemembered() {
        val first = startWithCamera()
        Screens.click(screen, R.id.switch_camera)
        Screens.await("the other camera") { feed()?.choice?.isFront == true }
        assertFalse(first.choice.isFront)
        assertTrue(Settings(screen).usesFrontCamera)
    }

    /** A camera that goes leaves words and a way back. */
    @Test
    fun aCameraThatGoesLeavesWords() {
        startWithCamera()
        Shadows.shadowOf(screen.getSystemService(CameraManager::class.java)).triggerDisconnect()
        Screens.await("words") { message() == screen.getString(R.string.camera_taken) }
        assertNull(feed())
        Screens.click(screen, R.id.message_action)
        assertNotNull(feed())
    }

    /** A device without a camera says so. */
    @Test
    @Config(sdk = [24, 34])
    fun noCameraIsSaid() {
        for (id in listOf("0", "1")) Shadows.shadowOf(Screens.application.getSystemService(CameraManager::class.java)).removeCamera(id)
        grant()
        start()
        Screens.bringTexture(screen)
        Screens.await("words") { message() == screen.getString(R.string.no_camera) }
    }

    /** An engine that does not start is replaced by the default one, and that is said. */
    @Test
    @Config(sdk = [24, 34])
    fun anEngineThatDoesNotStartIsReplaced() {
        Settings(Screens.application).engine = EngineChoice.XNNPACK_2
        Screens.runtime.broken.add(EngineChoice.XNNPACK_2)
        start()
        Screens.await("the default engine") { Screens.runtime.opened == listOf(EngineChoice.DEFAULT) && Screens.text(screen, R.id.what_runs) != "" }
        assertEquals("broken: XNNPACK_2", ShadowToast.getTextOfLatestToast())
        assertEquals(EngineChoice.DEFAULT, Settings(screen).engine)
    }

    /** Where no engine starts, frames come and go; they are looked at again as soon as another engine is chosen. */
    @Test
    fun framesAreLookedAtAgainWithAnotherEngine() {
        val feed = startWithCamera()
        val inference = Screens.part<Inference>(screen, "inference")
        Screens.runtime.broken.addAll(listOf(EngineChoice.XNNPACK_1, EngineChoice.DEFAULT))
        inference.use(EngineChoice.XNNPACK_1)
        feed.frames.offer(Screens::fill)
        inference.look(feed.frames)
        inference.use(EngineChoice.XNNPACK_2)
        Screens.await("another engine") { "2 threads" in Screens.text(screen, R.id.what_runs) }
        assertTrue("the next frame wakes it", feed.frames.offer(Screens::fill))
    }

    /** Without a feature map the switch cannot be used, and the reason stands beside it. */
    @Test
    @Config(sdk = [24, 34])
    fun noHeatMapHasItsReason() {
        Screens.install("int8.tflite")
        Settings(Screens.application).showsHeat = true
        start()
        Screens.await("the model") { Screens.text(screen, R.id.heat_reason) != "" }
        assertFalse(screen.findViewById<Switch>(R.id.heat).isEnabled)
        assertTrue("--with-features" in Screens.text(screen, R.id.heat_reason))
        assertTrue("the wish is kept", Settings(screen).showsHeat)
    }

    /** What had to be assumed of a model is on the screen. */
    @Test
    @Config(sdk = [24, 34])
    fun assumptionsAreOnTheScreen() {
        Screens.install("plain_uint8.tflite")
        start()
        Screens.await("notes") { "assumed" in Screens.text(screen, R.id.notes) }
        assertEquals(View.VISIBLE, screen.findViewById<View>(R.id.notes).visibility)
    }

    /** Without a model there is a way to choose one. */
    @Test
    @Config(sdk = [24, 34])
    fun aMissingModelCanBeChosen() {
        ModelStore(Screens.application).forget()
        grant()
        start()
        Screens.await("words") { message() == screen.getString(R.string.no_model) }
        Screens.click(screen, R.id.message_action)
        assertEquals(Intent(screen, ModelActivity::class.java).component, shadow.nextStartedActivity.component)
    }
}
