// Class activation maps: where in the picture the evidence for a class lies. `edge_effnet/activation_map.py` in JavaScript.
//
// References: Zhou et al. 2016, Learning Deep Features for Discriminative Localization, https://arxiv.org/abs/1512.04150.

import { ModelError } from "./flatbuffer.js";
import { constantByName } from "./tflite.js";

/** What the colour counts where the map is 1; where it is 0 the picture stays as it is. */
const STRONGEST = 0.6;
/** Dark violet over red to pale yellow, evenly spaced. */
const COLOURS = [[8, 6, 40], [88, 16, 110], [170, 34, 92], [236, 94, 40], [253, 178, 44], [252, 252, 190]];

/** @typedef {{matrix: Float32Array, classes: number, channels: number}} Weights */

/**
 * A dense or 1x1 kernel as real values.
 *
 * @param {import("./tflite.js").Tensor} tensor
 * @returns {Weights}
 */
function weightsOfTensor({ name, type, shape, quantisation, bytes }) {
  const [classes, channels] = [shape[0], shape[shape.length - 1]];
  const size = classes * channels;
  const widths = /** @type {Record<string, number>} */ ({ INT8: 1, FLOAT32: 4 });
  if (![2, 4].includes(shape.length) || shape.reduce((a, b) => a * b, 1) !== size || bytes.byteLength !== size * widths[type]) {
    throw new ModelError(`explain.weights is no layer of weights: ${name} ${type} (${shape.join(", ")})`);
  }
  const copy = bytes.slice().buffer;
  const codes = type === "INT8" ? new Int8Array(copy) : new Float32Array(copy);
  if (quantisation === null) return { matrix: Float32Array.from(codes), classes, channels };
  const { scales, zeroPoints } = quantisation;
  const row = scales.length === 1 ? () => 0 : (/** @type {number} */ place) => Math.floor(place / channels);
  const matrix = Float32Array.from(codes, (code, place) => (code - zeroPoints[row(place)]) * scales[row(place)]);
  return { matrix, classes, channels };
}

/** What turns feature maps into maps of a class. */
export class ActivationMap {
  /**
   * @param {import("./tflite.js").Model} model
   * @param {import("./tensor.js").Specs} specs
   * @param {{features: number, weights: string}} explain
   * @throws {ModelError} the contract speaks of something that the model does not have
   */
  constructor(model, specs, explain) {
    const tensor = constantByName(model, explain.weights);
    if (tensor === null) throw new ModelError(`the contract's explain.weights is no tensor of the model: ${explain.weights}`);
    this.weights = weightsOfTensor(tensor);
    const features = explain.features === specs.features?.index ? specs.features : null;
    const classes = specs.scores.shape[specs.scores.shape.length - 1];
    if (features === null || features.shape[3] !== this.weights.channels || classes !== this.weights.classes) {
      throw new ModelError("the model has no feature map where its contract says");
    }
    this.features = features;
    this.rows = features.shape[1];
    this.columns = features.shape[2];
  }

  /**
   * The score of a class at each place, in units of the logits.
   *
   * @param {ArrayLike<number>} features codes of the model's second output
   * @param {number} index the class
   * @returns {Float32Array} `(rows, columns)`
   */
  scores(features, index) {
    const { channels, matrix } = this.weights;
    const { scale, zeroPoint } = this.features.quantisation ?? { scale: 1, zeroPoint: 0 };
    const from = index * channels;
    return Float32Array.from({ length: this.rows * this.columns }, (_, place) => {
      let sum = 0;
      for (let channel = 0; channel < channels; channel += 1) {
        sum += (features[place * channels + channel] - zeroPoint) * matrix[from + channel];
      }
      return scale * sum;
    });
  }
}

/** What a heat map shows: what speaks for the class, 0 to 1; all 0 where nothing does. */
export function shown(/** @type {Float32Array} */ scores) {
  const largest = scores.reduce((most, value) => Math.max(most, value), 0);
  return scores.map((value) => (largest > 0 ? Math.max(0, value) / largest : 0));
}

/**
 * Scale a map up, bilinearly between the middles of its cells.
 *
 * @param {Float32Array} map `(rows, columns)`
 * @param {number} rows
 * @param {number} columns
 * @param {number} size side of the result
 * @returns {Float32Array} `(size, size)`
 */
export function enlarged(map, rows, columns, size) {
  const across = neighbours(columns, size);
  const down = neighbours(rows, size);
  const out = new Float32Array(size * size);
  for (let y = 0; y < size; y += 1) {
    const [top, bottom, low] = down[y];
    for (let x = 0; x < size; x += 1) {
      const [left, right, part] = across[x];
      const upper = map[top * columns + left] * (1 - part) + map[top * columns + right] * part;
      const lower = map[bottom * columns + left] * (1 - part) + map[bottom * columns + right] * part;
      out[y * size + x] = upper * (1 - low) + lower * low;
    }
  }
  return out;
}

/** For each of `size` outputs the two cells that it lies between, and how far. @returns {[number, number, number][]} */
function neighbours(/** @type {number} */ cells, /** @type {number} */ size) {
  return Array.from({ length: size }, (_, place) => {
    const at = Math.min(Math.max(((place + 0.5) * cells) / size - 0.5, 0), cells - 1);
    const before = Math.floor(at);
    return [before, Math.min(before + 1, cells - 1), at - before];
  });
}

/** Colours with their share: RGBA, as a canvas takes them. @returns {Uint8ClampedArray<ArrayBuffer>} */
export function heatColours(/** @type {Float32Array} */ map) {
  const out = new Uint8ClampedArray(map.length * 4);
  map.forEach((value, index) => {
    const place = Math.min(Math.max(value, 0), 1) * (COLOURS.length - 1);
    const below = Math.min(Math.floor(place), COLOURS.length - 2);
    const part = place - below;
    for (let c = 0; c < 3; c += 1) out[index * 4 + c] = COLOURS[below][c] * (1 - part) + COLOURS[below + 1][c] * part;
    out[index * 4 + 3] = 255 * STRONGEST * value;
  });
  return out;
}
