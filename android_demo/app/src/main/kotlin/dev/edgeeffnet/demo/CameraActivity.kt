package dev.edgeeffnet.demo

import android.app.Activity
import android.content.Intent
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraManager
import android.hardware.display.DisplayManager
import android.os.Bundle
import android.view.WindowManager
import android.widget.Toast

/** The first screen: live camera, labels, times. */
class CameraActivity : Activity(), Inference.Listener, DisplayManager.DisplayListener {
    private lateinit var settings: Settings
    private lateinit var cameras: Cameras
    private lateinit var stage: Stage
    private lateinit var panel: CameraPanel
    private val permission = CameraPermission(this)
    private val manager by lazy { getSystemService(CameraManager::class.java) }
    private var inference: Inference? = null
    private var loaded: LoadedModel? = null
    private var feed: CameraFeed? = null
    private var isInFront = false
    private var hasAsked = false
    private var isAsking = false

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_camera)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        Insets.keepClear(findViewById(R.id.root))
        settings = Settings(this)
        cameras = Cameras(manager)
        hasAsked = state?.getBoolean(HAS_ASKED) ?: false
        stage = Stage(this, ::onTexture, ::stopCamera)
        panel = CameraPanel(this, settings, { inference?.use(it) }, ::onSwitchCamera) { inference?.wantsHeat = it }
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putBoolean(HAS_ASKED, hasAsked)
    }

    override fun onStart() {
        super.onStart()
        loaded = null
        inference = Inference(this, this).apply { start() }
        getSystemService(DisplayManager::class.java).registerDisplayListener(this, null)
    }

    override fun onResume() {
        super.onResume()
        isInFront = true
        startCamera()
    }

    override fun onPause() {
        isInFront = false
        stopCamera()
        super.onPause()
    }

    override fun onStop() {
        getSystemService(DisplayManager::class.java).unregisterDisplayListener(this)
        inference?.end()
        inference = null
        super.onStop()
    }

    override fun onRequestPermissionsResult(request: Int, permissions: Array<String>, results: IntArray) {
        isAsking = false
        startCamera()
    }

    /** Starts the camera if all that it takes is there; says what is missing if the user can do something about it. */
    private fun startCamera() {
        val model = loaded?.model
        val texture = stage.texture
        when {
            feed != null || !isInFront -> return
            !permission.isGiven -> askForCamera()
            model == null || texture == null -> return
            else -> try {
                val preprocessing = model.preprocessing
                val choice = cameras.choose(settings.usesFrontCamera, preprocessing.resolutionPx, preprocessing.cropFraction)
                if (choice == null) return stage.say(getString(R.string.no_camera))
                stage.showPicture()
                feed = CameraFeed(manager, choice, stage.display, { frames -> inference?.look(frames) }, ::onCameraProblem).apply { open(texture) }
                stage.fit(choice)
            } catch (fault: CameraAccessException) {
                stage.say(getString(R.string.camera_failed), R.string.try_again, ::startCamera)
            } catch (fault: IllegalArgumentException) {
                stage.say(getString(R.string.camera_failed), R.string.try_again, ::startCamera)
            }
        }
    }

    private fun askForCamera() = when {
        isAsking -> Unit // the system's question is on its way
        !hasAsked -> {
            stage.say(getString(R.string.camera_why))
            ask()
        }
        permission.mayAskAgain -> stage.say(getString(R.string.camera_why), R.string.allow_camera, ::ask)
        else -> stage.say(getString(R.string.camera_refused), R.string.open_settings, permission::openSettings)
    }

    private fun ask() {
        hasAsked = true
        isAsking = true
        permission.ask()
    }

    private fun stopCamera() {
        feed?.close()
        feed = null
    }

    private fun onTexture() {
        feed?.let { stage.fit(it.choice) }
        startCamera()
    }

    private fun onCameraProblem(reason: Int) = runOnUiThread {
        stopCamera()
        if (isInFront) stage.say(getString(reason), R.string.try_again, ::startCamera)
    }

    private fun onSwitchCamera() {
        settings.usesFrontCamera = !settings.usesFrontCamera
        stopCamera()
        startCamera()
    }

    override fun onModel(loaded: LoadedModel) {
        this.loaded = loaded
        panel.show(loaded, hasBothCameras())
        startCamera()
    }

    private fun hasBothCameras(): Boolean = try {
        cameras.hasBoth
    } catch (fault: CameraAccessException) {
        false
    }

    override fun onEngine(engine: Engine) {
        loaded?.let { panel.show(it, engine) }
    }

    override fun onInferenceProblem(words: String) {
        if (loaded == null) {
            stage.say(words, R.string.choose_model) { startActivity(Intent(this, ModelActivity::class.java)) }
        } else {
            Toast.makeText(this, words, Toast.LENGTH_LONG).show()
        }
    }

    override fun onResult(result: LiveResult) {
        val running = feed ?: return
        val model = loaded?.model ?: return
        panel.show(result, running.framesPerSecond)
        val heat = result.heat?.let { Heat.bitmap(it, model.cam!!.width, model.cam!!.height) }
        stage.overlay.show(result.upright, model.preprocessing, running.choice.isFront, heat)
    }

    override fun onDisplayChanged(id: Int) {
        val running = feed ?: return
        running.display = stage.display
        stage.fit(running.choice)
    }

    override fun onDisplayAdded(id: Int) = Unit

    override fun onDisplayRemoved(id: Int) = Unit

    private companion object {
        const val HAS_ASKED = "has_asked"
    }
}
