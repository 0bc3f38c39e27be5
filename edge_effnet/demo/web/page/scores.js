// From output codes to a few labels that do not flicker: `edge_effnet/demo/classifier.py` and `smooth.py`, in float32 as there.

/**
 * @typedef {object} Guess
 * @property {string} label
 * @property {number} index
 * @property {number} score 0 to 1
 */

const f32 = Math.fround;

/**
 * Real values of codes.
 *
 * @param {ArrayLike<number>} codes
 * @param {{scale: number, zeroPoint: number} | null} quantisation null: they are real values already
 * @returns {Float32Array}
 */
export function dequantise(codes, quantisation) {
  if (quantisation === null) return Float32Array.from(codes);
  const { scale, zeroPoint } = quantisation;
  return Float32Array.from(codes, (code) => f32(f32(scale) * (code - zeroPoint)));
}

/** Probabilities of logits. @param {Float32Array} logits  @returns {Float32Array} */
export function softmax(logits) {
  const highest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const powers = logits.map((value) => Math.exp(f32(value - highest)));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

/**
 * The likeliest classes that reach the threshold, the likeliest first; of equals the lowest index.
 *
 * @param {Float32Array} probabilities
 * @param {string[]} labels
 * @param {number} count
 * @param {number} threshold
 * @returns {Guess[]}
 */
export function best(probabilities, labels, count, threshold) {
  const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  return order
    .slice(0, count)
    .filter((index) => probabilities[index] >= threshold)
    .map((index) => ({ label: labels[index], index, score: probabilities[index] }));
}

/** An exponential mean over frames. */
export class Smoother {
  constructor(/** @type {number} */ share) {
    /** What the frames before count, 0 (nothing) to below 1. */
    this.share = share;
    /** @type {Float32Array | null} */
    this.mean = null;
  }

  /** The mean, this frame included; the first frame counts whole. @param {Float32Array} probabilities */
  add(probabilities) {
    const before = this.mean;
    if (before === null || this.share === 0 || before.length !== probabilities.length) {
      this.mean = probabilities;
    } else {
      const [old, fresh] = [f32(this.share), f32(1 - this.share)];
      this.mean = probabilities.map((value, index) => f32(old * before[index]) + f32(fresh * value));
    }
    return this.mean;
  }

  clear() {
    this.mean = null;
  }
}
