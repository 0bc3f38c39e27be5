package dev.edgeeffnet.demo

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.view.View
import edgeeffnet.core.Fit
import edgeeffnet.core.PixelSize
import edgeeffnet.core.Preprocessing

/** Over the picture: the square that the model sees, and the heat map in it. */
class OverlayView(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val square = RectF()
    private var heat: Bitmap? = null
    private var isMirrored = false
    private val filtered = Paint(Paint.FILTER_BITMAP_FLAG)
    private val edge = stroke(Color.WHITE, 3f)
    private val shadow = stroke(0x80000000.toInt(), 6f)

    private fun stroke(colour: Int, width: Float) = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        style = Paint.Style.STROKE
        color = colour
        strokeWidth = width * resources.displayMetrics.density
    }

    /**
     * Says what is shown.
     *
     * @param upright size of the picture, which lies in the view as [Fit] says.
     * @param mirrored whether it is shown as a mirror shows it.
     */
    fun show(upright: PixelSize, preprocessing: Preprocessing, mirrored: Boolean, heat: Bitmap?) {
        if (width == 0 || height == 0) return
        val fit = Fit(PixelSize(width, height), upright)
        val seen = preprocessing.square(upright.width, upright.height)
        val left = fit.left + seen.left.toFloat() * fit.scale
        val top = fit.top + seen.top.toFloat() * fit.scale
        square.set(left, top, left + seen.side * fit.scale, top + seen.side * fit.scale)
        isMirrored = mirrored
        this.heat = heat
        invalidate()
    }

    /** Shows nothing. */
    fun clear() {
        square.setEmpty()
        heat = null
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        if (square.isEmpty) return
        heat?.let { picture ->
            canvas.save()
            if (isMirrored) canvas.scale(-1f, 1f, square.centerX(), 0f)
            canvas.drawBitmap(picture, null, square, filtered)
            canvas.restore()
        }
        canvas.drawRect(square, shadow)
        canvas.drawRect(square, edge)
    }
}
