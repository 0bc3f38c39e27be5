// Between pixels and the model's tensors: the rule that makes every exported model take raw pixels.

import { ModelError } from "./flatbuffer.js";

/**
 * @typedef {object} Spec
 * @property {number} index place among the graph's outputs (0 for the input)
 * @property {string} dtype uint8 or float32
 * @property {number[]} shape
 * @property {{scale: number, zeroPoint: number} | null} quantisation null for real values
 *
 * @typedef {object} Specs
 * @property {Spec} input `(1, side, side, 3)`
 * @property {Spec} scores `(1, classes)`
 * @property {Spec | null} features `(1, height, width, channels)`
 */

const DTYPES = { UINT8: "uint8", FLOAT32: "float32" };
const WRAP = "serve it with `edge-effnet demo web`, which gives int8 models a uint8 interface";
const ALLOWED = "the page runs image classifiers: one picture (1, side, side, 3) in, one row of scores (1, classes) out";
/** As `edge_effnet/demo/web/model.py`; ImageNet-21k has 21,841. */
const MAX_CLASSES = 100_000;

/** @returns {Spec} */
function specOf(/** @type {import("./tflite.js").Tensor} */ tensor, /** @type {number} */ index, /** @type {string} */ what) {
  const dtype = DTYPES[/** @type {keyof typeof DTYPES} */ (tensor.type)];
  if (dtype === undefined) {
    const hint = tensor.type === "INT8" ? `LiteRT.js cannot feed int8: ${WRAP}` : "export it with a uint8, int8 or float32 interface";
    throw new ModelError(`the model's ${what} is ${tensor.type}; ${hint}`);
  }
  const { scales = [1], zeroPoints = [0] } = tensor.quantisation ?? {};
  if (!(scales[0] > 0 && scales[0] < Infinity)) throw new ModelError(`the model's ${what} has no usable scale: ${scales[0]}`);
  const quantisation = dtype === "float32" ? null : { scale: scales[0], zeroPoint: zeroPoints[0] };
  return { index, dtype, shape: tensor.shape, quantisation };
}

function shapeText(/** @type {import("./tflite.js").Tensor[]} */ tensors) {
  return tensors.map((tensor) => `(${tensor.shape.join(", ")})`).join(" and ") || "nothing";
}

/**
 * What a classifier's inputs and outputs are.
 *
 * @param {import("./tflite.js").Model} model
 * @returns {Specs}
 * @throws {ModelError} it is no image classifier, or of a type that LiteRT.js cannot feed
 */
export function specsOfModel(model) {
  const inputs = model.inputs.map((index) => model.tensors[index]);
  const outputs = model.outputs.map((index) => model.tensors[index]);
  const [first] = inputs.map((tensor) => tensor.shape);
  if (inputs.length !== 1 || first.length !== 4 || first[0] !== 1 || first[3] !== 3 || first[1] < 1) {
    throw new ModelError(`the model takes ${shapeText(inputs)}; ${ALLOWED}`);
  }
  if (first[1] !== first[2]) throw new ModelError(`the model's input is not square: ${first[1]} x ${first[2]} px; ${ALLOWED}`);
  const [scores, features] = outputs;
  const isRow = scores !== undefined && scores.shape.length > 0 && scores.shape.slice(0, -1).every((size) => size === 1);
  if (!isRow || outputs.length > 2 || (features !== undefined && features.shape.length !== 4)) {
    throw new ModelError(`the model gives ${shapeText(outputs)}; ${ALLOWED}`);
  }
  const classes = scores.shape[scores.shape.length - 1];
  if (classes > MAX_CLASSES) throw new ModelError(`the model claims ${classes} classes; at most ${MAX_CLASSES} are shown`);
  return {
    input: specOf(inputs[0], 0, "input"),
    scores: specOf(scores, 0, "output"),
    features: features === undefined ? null : specOf(features, 1, "feature map"),
  };
}

/**
 * The input tensor of one picture: uint8 = pixel, float32 = the pixel's value, 0..255.
 *
 * @param {Uint8Array} pixels `(side, side, 3)` RGB
 * @param {Spec} spec
 * @returns {Uint8Array | Float32Array}
 */
export function inputFromPixels(pixels, spec) {
  return spec.dtype === "uint8" ? pixels : Float32Array.from(pixels);
}

/**
 * The bytes of an input tensor as the exported file takes it, which may be the int8 twin of the served one.
 *
 * @param {Uint8Array} pixels
 * @param {string} dtype int8, uint8 or float32
 * @returns {Uint8Array}
 */
export function exportedBytes(pixels, dtype) {
  if (dtype === "int8") return pixels.map((pixel) => pixel ^ 0x80); // flipping the top bit is subtracting 128
  return dtype === "uint8" ? pixels : new Uint8Array(Float32Array.from(pixels).buffer);
}

/** Values of an output tensor's bytes. @returns {Int8Array | Uint8Array | Float32Array} */
export function valuesFromBytes(/** @type {Uint8Array} */ bytes, /** @type {string} */ dtype) {
  const copy = bytes.slice().buffer; // aligned
  return dtype === "int8" ? new Int8Array(copy) : dtype === "uint8" ? new Uint8Array(copy) : new Float32Array(copy);
}
