// What the page must know of a .tflite file, read from the flatbuffer alone; the bytes may be hostile.
//
// References: tensorflow/lite/schema/schema.fbs (numbers of fields, operators and types).

import { COPY_AGAIN, File, ModelError } from "./flatbuffer.js";

/**
 * @typedef {object} Quantisation  real value = scale * (code - zero point)
 * @property {number[]} scales  one, or one for each index of `axis`
 * @property {number[]} zeroPoints  as many as scales
 * @property {number} axis
 *
 * @typedef {object} Tensor
 * @property {string} name
 * @property {string} type  such as INT8
 * @property {number[]} shape
 * @property {Quantisation | null} quantisation
 * @property {Uint8Array} bytes  of a constant; empty for an activation
 *
 * @typedef {object} Model
 * @property {Tensor[]} tensors
 * @property {number[]} inputs  indices of tensors
 * @property {number[]} outputs
 * @property {Record<string, number>} outputNames  name in the first signature -> index of a tensor
 * @property {boolean} endsInSoftmax  whether output 0 is a softmax, possibly behind a change of type or shape
 * @property {Map<string, Uint8Array>} metadata
 */

const TYPES = [
  "FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64", "INT8", "FLOAT64", "COMPLEX128",
  "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4",
];
const OPERATORS = { DEQUANTIZE: 6, RESHAPE: 22, SOFTMAX: 25, SQUEEZE: 43, QUANTIZE: 114 };
const PASSES_PROBABILITIES = new Set([
  OPERATORS.DEQUANTIZE, OPERATORS.RESHAPE, OPERATORS.SQUEEZE, OPERATORS.QUANTIZE,
]);

/** The kernels stop at 8 dimensions. */
const MAX_RANK = 32;

/** @returns {Uint8Array[]} */
function readBuffers(/** @type {File} */ file, /** @type {import("./flatbuffer.js").Table} */ model) {
  return model.tables(4).map((buffer, index) => {
    const start = buffer.u64(1); // 0 and 1 mean that the bytes are in the table
    if (start <= 1) return buffer.bytes(0);
    const stop = start + buffer.u64(2);
    if (stop > file.bytes.byteLength) throw new ModelError(`damaged model: buffer ${index} reaches beyond the end of the file; ${COPY_AGAIN}`);
    return file.bytes.subarray(start, stop);
  });
}

/** @returns {Quantisation | null} */
function readQuantisation(/** @type {import("./flatbuffer.js").Table | null} */ table) {
  if (table === null) return null;
  const scales = table.list(2, 4, (at) => table.file.view.getFloat32(at, true));
  const points = table.list(3, 8, (at) => Number(table.file.view.getBigInt64(at, true)));
  if (scales.length === 0) return null;
  if (![0, 1, scales.length].includes(points.length)) {
    throw new ModelError(`damaged model: a tensor has ${scales.length} scales and ${points.length} zero points; ${COPY_AGAIN}`);
  }
  const zeroPoints = points.length === scales.length ? points : scales.map(() => points[0] ?? 0);
  return { scales, zeroPoints, axis: table.i32(6) };
}

/** @returns {Tensor} */
function readTensor(/** @type {import("./flatbuffer.js").Table} */ table, /** @type {Uint8Array[]} */ buffers) {
  const shape = table.ints(0);
  if (shape.length > MAX_RANK || shape.some((size) => size < -1)) {
    throw new ModelError(`damaged model: a tensor has an impossible shape; ${COPY_AGAIN}`);
  }
  const bytes = at(buffers, table.u32(2), "a tensor names a buffer");
  return { name: table.text(3), type: TYPES[table.u8(1)] ?? `TYPE_${table.u8(1)}`, shape, quantisation: readQuantisation(table.table(4)), bytes };
}

/** @template T  @returns {T} */
function at(/** @type {T[]} */ list, /** @type {number} */ index, /** @type {string} */ what) {
  if (!(index >= 0 && index < list.length)) throw new ModelError(`damaged model: ${what} that is not there (${index} of ${list.length}); ${COPY_AGAIN}`);
  return list[index];
}

/** Follow output 0 back to whatever is not a mere change of type or shape. */
function findSoftmax(/** @type {import("./flatbuffer.js").Table[]} */ operators, /** @type {number[]} */ codes, /** @type {number} */ output) {
  const producers = new Map();
  for (const operator of operators) {
    const code = at(codes, operator.u32(0), "an operator names a code");
    const inputs = operator.ints(1);
    for (const index of operator.ints(2)) producers.set(index, { code, input: inputs[0] ?? -1 });
  }
  let index = output;
  for (let step = 0; step < operators.length; step += 1) {
    const producer = producers.get(index);
    if (producer === undefined) return false;
    if (!PASSES_PROBABILITIES.has(producer.code)) return producer.code === OPERATORS.SOFTMAX;
    index = producer.input;
  }
  return false;
}

/** @returns {Record<string, number>} */
function readOutputNames(/** @type {import("./flatbuffer.js").Table[]} */ signatures) {
  const entries = signatures.length === 0 ? [] : signatures[0].tables(1);
  return Object.fromEntries(entries.map((entry) => [entry.text(0), entry.u32(1)]));
}

/** @returns {Model} */
function readWhole(/** @type {Uint8Array} */ bytes) {
  const file = new File(bytes);
  const model = file.table(file.u32(0));
  const buffers = readBuffers(file, model);
  const codes = model.tables(1).map((code) => Math.max(code.u8(0), code.i32(3)));
  const graphs = model.tables(2);
  if (graphs.length === 0) throw new ModelError(`damaged model: it holds no graph; ${COPY_AGAIN}`);
  const [graph] = graphs;
  const tensors = graph.tables(0).map((tensor) => readTensor(tensor, buffers));
  const [inputs, outputs] = [graph.ints(1), graph.ints(2)];
  for (const index of [...inputs, ...outputs]) at(tensors, index, "the graph names a tensor");
  const metadata = new Map(
    model.tables(6).map((entry) => [entry.text(0), at(buffers, entry.u32(1), "a metadata entry names a buffer")]),
  );
  const endsInSoftmax = findSoftmax(graph.tables(3), codes, outputs[0] ?? -1);
  return { tensors, inputs, outputs, outputNames: readOutputNames(model.tables(7)), endsInSoftmax, metadata };
}

/**
 * Read a .tflite file.
 *
 * @param {Uint8Array} bytes the whole file; what is returned are views into it
 * @returns {Model}
 * @throws {ModelError} it is no TFLite model, or damaged
 */
export function readModel(bytes) {
  if (bytes.byteLength === 0) throw new ModelError("the model file is empty");
  if (bytes.byteLength < 8 || new TextDecoder().decode(bytes.subarray(4, 8)) !== "TFL3") {
    throw new ModelError("not a TFLite model: bytes 4 to 7 are not TFL3; a download may have stored an error page");
  }
  try {
    return readWhole(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ModelError(`damaged model: an offset or a length points outside the file; ${COPY_AGAIN}`);
  }
}

/**
 * Return a constant of the graph by its name.
 *
 * @param {Model} model
 * @param {string} name
 * @returns {Tensor | null} null where there is none
 */
export function constantByName(model, name) {
  return model.tensors.find((tensor) => tensor.name === name && tensor.bytes.byteLength > 0) ?? null;
}
