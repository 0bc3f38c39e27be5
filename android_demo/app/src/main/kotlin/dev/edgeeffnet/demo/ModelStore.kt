package dev.edgeeffnet.demo

import android.content.Context
import android.content.res.AssetManager
import android.net.Uri
import android.provider.OpenableColumns
import edgeeffnet.core.Model
import edgeeffnet.core.ModelException
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

/**
 * A model and where it came from.
 *
 * @property name of the file, for the user and for records.
 * @property isBuiltIn whether it lies in the APK.
 */
class LoadedModel(val name: String, val isBuiltIn: Boolean, val model: Model)

/** The model in the APK, or the one that the user picked; a picked one is copied, so that it is there the next time. */
class ModelStore(private val context: Context) {
    private val picked = File(context.filesDir, "picked.tflite")
    private val pickedContract = File(context.filesDir, "picked.contract.json")
    private val settings = Settings(context)

    /**
     * Loads the picked model, else the one in the APK.
     *
     * @throws ModelException if it cannot be used, or there is none.
     */
    fun load(): LoadedModel = if (picked.isFile) {
        LoadedModel(settings.pickedName, false, Model.read(mapped(picked), pickedContract.takeIf { it.isFile }?.let(::mapped)))
    } else {
        builtIn()
    }

    /** Forgets the picked model. */
    fun forget() {
        picked.delete()
        pickedContract.delete()
    }

    /**
     * Takes a model, and the contract beside it if that was picked too.
     *
     * @param uris one `.tflite` file, and perhaps one `.json` file.
     * @throws ModelException if they are not these, or cannot be read or used; the model before stays.
     */
    fun pick(uris: List<Uri>): LoadedModel {
        val (contracts, models) = uris.partition { nameOf(it).endsWith(".json") }
        if (models.size != 1 || contracts.size > 1) throw ModelException(context.getString(R.string.pick_one_model))
        val model = copied(models[0], "new.tflite")
        try {
            val contract = contracts.firstOrNull()?.let { copied(it, "new.contract.json") }
            Model.read(mapped(model), contract?.let(::mapped)) // refuses what cannot be used, before anything is replaced
            forget()
            val isKept = (contract?.renameTo(pickedContract) ?: true) && model.renameTo(picked)
            if (!isKept) throw ModelException(context.getString(R.string.pick_not_kept))
            settings.pickedName = nameOf(models[0])
            return load()
        } finally {
            model.delete()
            File(context.filesDir, "new.contract.json").delete()
        }
    }

    private fun builtIn(): LoadedModel {
        val beside = try {
            context.assets.open(CONTRACT).use(::contents)
        } catch (none: FileNotFoundException) {
            null
        }
        return LoadedModel(MODEL, true, Model.read(asset(context.assets), beside))
    }

    /** Maps the asset where it lies in the APK; a compressed one, of another packer, is read whole. */
    private fun asset(assets: AssetManager): ByteBuffer = try {
        assets.openFd(MODEL).use { file ->
            file.createInputStream().use { it.channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength) }
        }
    } catch (compressed: IOException) {
        try {
            assets.open(MODEL).use(::contents)
        } catch (none: IOException) {
            throw ModelException(context.getString(R.string.no_model), none)
        }
    }.order(ByteOrder.nativeOrder())

    private fun mapped(file: File): ByteBuffer =
        file.inputStream().use { it.channel.map(FileChannel.MapMode.READ_ONLY, 0, file.length()) }.order(ByteOrder.nativeOrder())

    private fun contents(stream: InputStream): ByteBuffer {
        val bytes = stream.readBytes()
        return ByteBuffer.allocateDirect(bytes.size).order(ByteOrder.nativeOrder()).put(bytes).apply { rewind() }
    }

    private fun copied(uri: Uri, name: String): File {
        val file = File(context.filesDir, name)
        try {
            val stream = context.contentResolver.openInputStream(uri) ?: throw IOException("it cannot be opened")
            stream.use { from -> file.outputStream().use { to -> copyAtMost(from, to) } }
        } catch (fault: IOException) {
            file.delete()
            throw ModelException("The file cannot be read: ${fault.message}", fault)
        } catch (fault: SecurityException) {
            throw ModelException("The file cannot be read: ${fault.message}", fault)
        }
        return file
    }

    private fun copyAtMost(from: InputStream, to: java.io.OutputStream) {
        val part = ByteArray(1 shl 16)
        var total = 0L
        while (true) {
            val count = from.read(part)
            if (count < 0) return
            total += count
            if (total > MOST_BYTES) throw IOException("it has more than ${MOST_BYTES shr 20} MiB")
            to.write(part, 0, count)
        }
    }

    private fun nameOf(uri: Uri): String {
        val columns = arrayOf(OpenableColumns.DISPLAY_NAME)
        val told = context.contentResolver.query(uri, columns, null, null, null)?.use { if (it.moveToFirst()) it.getString(0) else null }
        return told ?: uri.lastPathSegment ?: "model"
    }

    private companion object {
        const val MODEL = "model.tflite"
        const val CONTRACT = "model.contract.json"
        const val MOST_BYTES = 512L shl 20
    }
}
