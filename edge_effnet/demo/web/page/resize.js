// THE preprocessing (`edge_effnet/images.py`) on RGBA frames: Pillow's resampling in its own integers, so that the pixels
// are not nearly but exactly the same.
//
// Weights are whole numbers; a sum of products with 8-bit pixels fits 32 bits; each of the two passes is rounded
// to 8 bits. The weights of a frame's size are computed once.
//
// Which pass comes first is as in Pillow 13, found by trying; see `edge_effnet/demo/resize.py`.

import { axisOf, WEIGHT_BITS } from "./weights.js";

/**
 * @typedef {object} Preprocessing
 * @property {number} resolution_px
 * @property {number} crop_fraction
 * @property {string} resample
 *
 * @typedef {object} Frame
 * @property {Uint8ClampedArray | Uint8Array} data RGBA, row by row
 * @property {number} width
 * @property {number} height
 */

const HALF = 1 << (WEIGHT_BITS - 1);
/** Sizes whose weights are kept: a camera has few. */
const PLANS = 8;

/** Side of the central square that is cut from a picture of this size. */
export function cropSide(/** @type {Preprocessing} */ preprocessing, /** @type {number} */ width, /** @type {number} */ height) {
  return Math.max(1, Math.floor(preprocessing.crop_fraction * Math.min(width, height) + 0.5));
}

/** Left, top and side of the square of a frame that the model sees; left and top may end in a half. */
export function seenSquare(/** @type {Preprocessing} */ preprocessing, /** @type {number} */ width, /** @type {number} */ height) {
  const side = cropSide(preprocessing, width, height);
  return { left: (width - side) / 2, top: (height - side) / 2, side };
}

/** Inputs that `nearest` picks, adding up steps as Pillow does. @returns {Int32Array} */
function picks(/** @type {number} */ length, /** @type {number} */ side, /** @type {number} */ size) {
  const step = side / size;
  let place = (length - side) / 2 + step * 0.5;
  return Int32Array.from({ length: size }, () => {
    const picked = Math.trunc(place);
    place += step;
    return picked;
  });
}

function clip(/** @type {number} */ sum) {
  const code = sum >> WEIGHT_BITS;
  return code < 0 ? 0 : code > 255 ? 255 : code;
}

/**
 * Filter along the rows: `(rows, columns, step)` with 3 colours used -> `(rows, size, 3)`.
 *
 * @param {ArrayLike<number>} input its columns begin at axis.low
 * @param {number} rows
 * @param {number} columns
 * @param {number} step 4 for RGBA, 3 for RGB
 * @param {import("./weights.js").Axis} axis
 */
function filterColumns(input, rows, columns, step, axis) {
  const output = new Uint8Array(rows * axis.size * 3);
  let to = 0;
  for (let row = 0; row < rows; row += 1) {
    for (let place = 0; place < axis.size; place += 1) {
      let at = (row * columns + axis.first[place]) * step;
      const stop = place * axis.most + axis.count[place];
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let tap = place * axis.most; tap < stop; tap += 1) {
        const weight = axis.weights[tap];
        red = (red + Math.imul(weight, input[at])) | 0;
        green = (green + Math.imul(weight, input[at + 1])) | 0;
        blue = (blue + Math.imul(weight, input[at + 2])) | 0;
        at += step;
      }
      output[to] = clip(red);
      output[to + 1] = clip(green);
      output[to + 2] = clip(blue);
      to += 3;
    }
  }
  return output;
}

/**
 * Filter along the columns: `(rows, width)` -> `(size, width)`; a row is any run of bytes.
 *
 * @param {ArrayLike<number>} input its rows begin at axis.low
 * @param {number} width bytes in a row
 * @param {import("./weights.js").Axis} axis
 */
function filterRows(input, width, axis) {
  const output = new Uint8Array(axis.size * width);
  const sums = new Int32Array(width);
  for (let place = 0; place < axis.size; place += 1) {
    sums.fill(HALF);
    for (let tap = 0; tap < axis.count[place]; tap += 1) {
      const weight = axis.weights[place * axis.most + tap];
      const from = (axis.first[place] + tap) * width;
      for (let x = 0; x < width; x += 1) sums[x] = (sums[x] + Math.imul(weight, input[from + x])) | 0;
    }
    const to = place * width;
    for (let x = 0; x < width; x += 1) output[to + x] = clip(sums[x]);
  }
  return output;
}

/** Makes the model's square from frames of any size. */
export class Resizer {
  /** @param {Preprocessing} preprocessing */
  constructor(preprocessing) {
    this.preprocessing = preprocessing;
    /** @type {Map<string, ReturnType<Resizer["newPlan"]>>} */
    this.plans = new Map();
  }

  newPlan(/** @type {number} */ width, /** @type {number} */ height) {
    const { resolution_px: size, resample } = this.preprocessing;
    const side = cropSide(this.preprocessing, width, height);
    if (resample === "nearest") {
      const [x, y] = [picks(width, side, size), picks(height, side, size)];
      return { nearest: { x, y }, region: { left: x[0], top: y[0], width: x[size - 1] - x[0] + 1, height: y[size - 1] - y[0] + 1 } };
    }
    const [columns, rows] = [axisOf(width, side, size, resample), axisOf(height, side, size, resample)];
    const region = { left: columns.low, top: rows.low, width: columns.high - columns.low, height: rows.high - rows.low };
    return { filter: { columns, rows, rowsFirst: height > Math.max(size, 2 * width - size) }, region };
  }

  plan(/** @type {number} */ width, /** @type {number} */ height) {
    const key = `${width}x${height}`;
    const found = this.plans.get(key) ?? this.newPlan(width, height);
    if (!this.plans.has(key) && this.plans.size >= PLANS) this.plans.clear();
    this.plans.set(key, found);
    return found;
  }

  /** The part of a frame that any pixel of the square depends on: nothing else needs to be read. */
  region(/** @type {number} */ width, /** @type {number} */ height) {
    return this.plan(width, height).region;
  }

  /**
   * Resize what `region` named.
   *
   * @param {Frame} part RGBA of the region
   * @param {number} width of the whole frame
   * @param {number} height of the whole frame
   * @returns {Uint8Array} `(resolution, resolution, 3)` RGB
   */
  pixels(part, width, height) {
    const plan = this.plan(width, height);
    if (plan.nearest !== undefined) return pickPixels(part, plan.nearest);
    const { columns, rows, rowsFirst } = /** @type {NonNullable<typeof plan.filter>} */ (plan.filter);
    if (rowsFirst) return filterColumns(filterRows(part.data, part.width * 4, rows), rows.size, part.width, 4, columns);
    return filterRows(filterColumns(part.data, part.height, part.width, 4, columns), columns.size * 3, rows);
  }
}

function pickPixels(/** @type {Frame} */ part, /** @type {{x: Int32Array, y: Int32Array}} */ { x, y }) {
  const output = new Uint8Array(x.length * y.length * 3);
  let to = 0;
  for (const row of y) {
    for (const column of x) {
      const at = ((row - y[0]) * part.width + column - x[0]) * 4;
      output.set(part.data.subarray(at, at + 3), to);
      to += 3;
    }
  }
  return output;
}
