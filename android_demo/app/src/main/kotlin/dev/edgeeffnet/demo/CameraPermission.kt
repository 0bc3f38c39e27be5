package dev.edgeeffnet.demo

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.provider.Settings as SystemSettings

/** What stands between the app and the camera, as far as the user is concerned. */
class CameraPermission(private val activity: Activity) {
    /** Whether the user may look at the camera's picture. */
    val isGiven: Boolean get() = activity.checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED

    fun ask() = activity.requestPermissions(arrayOf(Manifest.permission.CAMERA), REQUEST)

    /** Whether the system would show its question again; after a second refusal it does not. */
    val mayAskAgain: Boolean get() = activity.shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)

    /** Opens the page of the system's settings where a refusal can be taken back. */
    fun openSettings() {
        val page = Intent(SystemSettings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", activity.packageName, null))
        activity.startActivity(page)
    }

    companion object {
        const val REQUEST = 1
    }
}
