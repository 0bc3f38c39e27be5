// Pillow's filters as whole numbers: which inputs an output is made of, and what each counts.
//
// References: Pillow, src/libImaging/Resample.c: precompute_coeffs, normalize_coeffs_8bpc.

/**
 * @typedef {object} Axis  one pass: output i is the sum of weights[i * most + k] * input[first[i] + k]
 * @property {number} low first input that any output needs
 * @property {number} high one behind the last
 * @property {number} size outputs
 * @property {number} most largest number of weights of an output
 * @property {Int32Array} first counted from `low`
 * @property {Int32Array} count
 * @property {Int32Array} weights
 */

/** A weight is a whole number of 2**-22. */
export const WEIGHT_BITS = 22;

const sinc = (/** @type {number} */ x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

function bicubic(/** @type {number} */ signed) {
  const x = Math.abs(signed); // Keys's cubic with a = -1/2
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** Name -> support on either side and the filter; `nearest` has no weights. @type {Record<string, [number, (x: number) => number]>} */
const FILTERS = {
  box: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, bicubic],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};

export const RESAMPLE_NAMES = [...Object.keys(FILTERS), "nearest"];

/** Whole weights of one output, from input `from` on; they sum to one but for rounding. */
function weightsOf(/** @type {number[]} */ reals) {
  const sum = reals.reduce((total, value) => total + value, 0);
  return reals.map((value) => {
    const scaled = (sum === 0 ? value : value / sum) * (1 << WEIGHT_BITS);
    return Math.trunc(value < 0 ? scaled - 0.5 : scaled + 0.5);
  });
}

/** One pass along an axis of `length` pixels of which the central `side` are wanted, as `size`. @returns {Axis} */
export function axisOf(/** @type {number} */ length, /** @type {number} */ side, /** @type {number} */ size, /** @type {string} */ resample) {
  const [width, weigh] = FILTERS[resample];
  const start = (length - side) / 2;
  const scale = side / size;
  const stretch = Math.max(scale, 1);
  const support = width * stretch;
  const taps = Array.from({ length: size }, (_, place) => {
    const centre = start + (place + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5)); // past the box, but not past the picture
    const to = Math.min(length, Math.trunc(centre + support + 0.5));
    const reals = Array.from({ length: to - from }, (_x, tap) => weigh((tap + from - centre + 0.5) * (1 / stretch)));
    return { from, weights: weightsOf(reals) };
  });
  return packed(taps);
}

/** @returns {Axis} */
function packed(/** @type {{from: number, weights: number[]}[]} */ taps) {
  const low = Math.min(...taps.map((tap) => tap.from));
  const high = Math.max(...taps.map((tap) => tap.from + tap.weights.length));
  const most = Math.max(...taps.map((tap) => tap.weights.length));
  const weights = new Int32Array(taps.length * most);
  taps.forEach((tap, index) => weights.set(tap.weights, index * most));
  const first = Int32Array.from(taps, (tap) => tap.from - low);
  return { low, high, size: taps.length, most, first, count: Int32Array.from(taps, (tap) => tap.weights.length), weights };
}
