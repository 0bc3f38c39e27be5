package dev.edgeeffnet.demo

import android.content.Context

/** What the user chose, kept from one start to the next. */
class Settings(context: Context) {
    private val store = context.getSharedPreferences("demo", Context.MODE_PRIVATE)

    var engine: EngineChoice
        get() = EngineChoice.ofId(store.getString("engine", null))
        set(value) = store.edit().putString("engine", value.id).apply()

    var usesFrontCamera: Boolean
        get() = store.getBoolean("front_camera", false)
        set(value) = store.edit().putBoolean("front_camera", value).apply()

    var showsHeat: Boolean
        get() = store.getBoolean("heat", false)
        set(value) = store.edit().putBoolean("heat", value).apply()

    /** Name of the model file that was picked. */
    var pickedName: String
        get() = store.getString("picked_name", null) ?: "model.tflite"
        set(value) = store.edit().putString("picked_name", value).apply()
}
