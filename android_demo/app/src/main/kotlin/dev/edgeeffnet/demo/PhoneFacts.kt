package dev.edgeeffnet.demo

import android.content.Context
import android.os.Build
import android.os.PowerManager
import android.os.Process
import edgeeffnet.core.DeviceFacts
import edgeeffnet.core.ThermalState
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone

/** What the phone says of itself. */
object PhoneFacts {
    fun device(): DeviceFacts = DeviceFacts(
        manufacturer = told(Build.MANUFACTURER),
        model = told(Build.MODEL),
        soc = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) told(Build.SOC_MODEL) else told(Build.BOARD),
        android = told(Build.VERSION.RELEASE),
        sdk = Build.VERSION.SDK_INT,
        build = told(Build.FINGERPRINT),
        abi = (if (Process.is64Bit()) Build.SUPPORTED_64_BIT_ABIS else Build.SUPPORTED_32_BIT_ABIS).firstOrNull(), // of this app
        abis = Build.SUPPORTED_ABIS.toList(),
        cores = java.lang.Runtime.getRuntime().availableProcessors(),
        machine = told(System.getProperty("os.arch")),
    )

    private fun told(value: String?): String? = value?.trim()?.takeIf { it.isNotEmpty() && it != Build.UNKNOWN }

    /** How warm the phone is. */
    fun thermal(context: Context): ThermalState {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) {
            return ThermalState(null, "Android ${Build.VERSION.RELEASE} does not tell; it takes Android 10")
        }
        val status = context.getSystemService(PowerManager::class.java)?.currentThermalStatus
        return ThermalState(status, if (status == null) "the phone has no power service" else null)
    }

    /** The time in UTC, as the other records have it. */
    fun timeUtc(): String {
        val form = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'+00:00'", Locale.ROOT)
        form.timeZone = TimeZone.getTimeZone("UTC")
        return form.format(Date())
    }
}
