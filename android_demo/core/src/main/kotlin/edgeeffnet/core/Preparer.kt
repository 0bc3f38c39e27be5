package edgeeffnet.core

import java.nio.ByteBuffer

/**
 * Makes the model's input from camera frames and pictures. Frames of one size allocate nothing; for one thread at a time.
 *
 * Of a frame only the part that the square needs is converted to RGB.
 */
class Preparer(model: Model) {
    private val resampler = Resampler(model.preprocessing)
    private val tensor = InputTensor(model.input)
    private var part = ByteArray(0)

    /** Returns the input for a frame. */
    fun input(frame: YuvFrame, turn: Turn): ByteBuffer {
        val width = if (turn.swapsSides) frame.height else frame.width
        val height = if (turn.swapsSides) frame.width else frame.height
        val window = resampler.window(width, height)
        val needed = window.width * window.height * 3
        if (part.size < needed) part = ByteArray(needed)
        frame.toRgb(turn, window, part)
        return tensor.fill(resampler.squareOfWindow(part, width, height))
    }

    /** Returns the input for an upright picture. */
    fun input(picture: RgbImage): ByteBuffer = tensor.fill(resampler.square(picture))
}

/** Turns the model's output into probabilities. For one thread at a time. */
class Scores(private val model: Model) {
    private val values = FloatArray(model.output.count)

    /**
     * Returns one probability a class; the array is used again by the next call.
     *
     * @param output of the model, from position 0.
     */
    fun of(output: ByteBuffer): FloatArray {
        Quantisation.dequantise(output, model.output, values)
        if (!model.givesProbabilities) Quantisation.softmax(values)
        return values
    }
}
