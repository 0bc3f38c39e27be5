package dev.edgeeffnet.demo

import android.app.Activity
import android.app.Application
import android.graphics.ImageFormat
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraManager
import android.os.Looper
import android.util.Size
import android.view.TextureView
import android.view.View
import android.widget.TextView
import java.io.File
import java.nio.ByteBuffer
import org.junit.Assert.assertTrue
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows
import org.robolectric.shadows.ShadowCameraCharacteristics
import org.robolectric.shadows.StreamConfigurationMapBuilder

/** What the tests of the screens share. */
internal object Screens {
    private const val PATIENCE_MS = 10_000L

    val application: Application get() = RuntimeEnvironment.getApplication()
    val runtime: FakeRuntime get() = (application as TestApplication).runtime

    /** Lets the app go on until something holds. */
    fun await(what: String, holds: () -> Boolean) {
        val end = System.nanoTime() + PATIENCE_MS * 1_000_000
        while (true) {
            Shadows.shadowOf(Looper.getMainLooper()).idle()
            if (holds()) return
            assertTrue("waited for: $what", System.nanoTime() < end)
            Thread.sleep(5)
        }
    }

    fun text(screen: Activity, id: Int): String = screen.findViewById<TextView>(id).text.toString()

    fun click(screen: Activity, id: Int) {
        assertTrue(screen.findViewById<View>(id).performClick())
    }

    /** A file that `write_golden.py` made for core. */
    fun golden(name: String) = File(System.getProperty("edgeeffnet.golden", "../core/src/test/golden"), name)

    /** Puts a model where one that the user picked lies: the tests' APK has none. */
    fun install(name: String) {
        golden(name).copyTo(File(application.filesDir, "picked.tflite"), overwrite = true)
        Settings(application).pickedName = name
    }

    /** Gives the phone a camera as most have: the sensor lies on its side. */
    fun addCamera(id: String, isFront: Boolean) {
        val facts = ShadowCameraCharacteristics.newCameraCharacteristics()
        val shadow = Shadows.shadowOf(facts)
        val facing = if (isFront) CameraCharacteristics.LENS_FACING_FRONT else CameraCharacteristics.LENS_FACING_BACK
        shadow.set(CameraCharacteristics.LENS_FACING, facing)
        shadow.set(CameraCharacteristics.SENSOR_ORIENTATION, if (isFront) 270 else 90)
        val map = StreamConfigurationMapBuilder.newBuilder()
        for ((width, height) in listOf(320 to 240, 640 to 480, 1280 to 720, 1440 to 1080)) {
            map.addOutputSize(Size(width, height))
            map.addOutputSize(ImageFormat.YUV_420_888, Size(width, height))
        }
        shadow.set(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP, map.build())
        Shadows.shadowOf(application.getSystemService(CameraManager::class.java)).addCamera(id, facts)
    }

    /** Does what the system does when the preview's texture has come. */
    fun bringTexture(screen: Activity) {
        val preview = screen.findViewById<TextureView>(R.id.preview)
        preview.setSurfaceTexture(SurfaceTexture(1))
        preview.surfaceTextureListener!!.onSurfaceTextureAvailable(preview.surfaceTexture!!, preview.width, preview.height)
    }

    /** A frame of a camera, of one gray. */
    fun fill(frame: CameraFrame) {
        frame.pixels.resize(640, 480)
        frame.pixels.luma.load(ByteBuffer.allocate(640 * 480), 640, 1, 640, 480)
        for (plane in listOf(frame.pixels.u, frame.pixels.v)) plane.load(ByteBuffer.allocate(320 * 240), 320, 1, 320, 240)
    }

    /** A private part of a screen. */
    @Suppress("UNCHECKED_CAST")
    fun <T> part(owner: Any, name: String): T = owner.javaClass.getDeclaredField(name).apply { isAccessible = true }.get(owner) as T
}
