// The contract's golden vectors: picture -> input tensor -> output tensor, made by Python when the model was exported.

import { shown } from "./cam.js";
import { bytesFromBase64, sha256, unpacked } from "./bytes.js";
import { exportedBytes, valuesFromBytes } from "./tensor.js";

/**
 * @typedef {object} Check
 * @property {boolean} equal input the same and output within the vector's tolerance
 * @property {boolean} inputEqual
 * @property {number} outputLsb largest difference of the output, in steps of its scale
 * @property {number | null} map largest difference of the class activation map, 0 to 1; null if the vector has none
 * @property {string} note what could not be checked
 *
 * @typedef {object} Report
 * @property {Check[]} checks
 * @property {string} text one line for people
 * @property {boolean} passed
 */

/** A float map of 0 to 1 may differ by this: half a code of the features, which are quantised. */
const MAP_TOLERANCE = 0.02;

/** @returns {Promise<{equal: boolean, note: string}>} */
async function compareInput(/** @type {Uint8Array} */ pixels, /** @type {import("./contract.js").Golden} */ vector, /** @type {string} */ dtype) {
  const bytes = exportedBytes(pixels, dtype);
  const hash = await sha256(bytes);
  if (hash !== null) return { equal: hash === vector.input_sha256, note: "" };
  if (!vector.input_zlib_base64) return { equal: true, note: "input not compared: the browser gives no hashes outside https and localhost" };
  const wanted = await unpacked(bytesFromBase64(vector.input_zlib_base64), "deflate");
  return { equal: wanted.length === bytes.length && wanted.every((byte, at) => byte === bytes[at]), note: "" };
}

/** Steps between two outputs; the exported file may give int8 where the served one gives uint8. */
function stepsBetween(/** @type {ArrayLike<number>} */ found, /** @type {ArrayLike<number>} */ wanted, /** @type {import("./tensor.js").Spec} */ spec, /** @type {string} */ dtype) {
  if (found.length !== wanted.length) return Infinity;
  const shift = spec.dtype === "uint8" && dtype === "int8" ? 128 : 0;
  const values = Array.from(wanted);
  const step = spec.dtype === "float32" ? Math.max(1e-6, (Math.max(...values) - Math.min(...values)) / 255) : 1;
  return values.reduce((most, value, at) => Math.max(most, Math.abs(found[at] - value - shift) / step), 0);
}

async function compareMap(/** @type {import("./session.js").Session} */ session, /** @type {ArrayLike<number>} */ features, /** @type {import("./contract.js").Golden} */ vector) {
  if (session.maps === null || vector.map_zlib_base64 === undefined) return null;
  const wanted = valuesFromBytes(await unpacked(bytesFromBase64(vector.map_zlib_base64), "deflate"), "float32");
  const found = shown(session.maps.scores(features, vector.top1));
  return found.reduce((most, value, at) => Math.max(most, Math.abs(value - wanted[at])), 0);
}

/** @returns {Promise<Check>} */
async function checkOne(/** @type {import("./session.js").Session} */ session, /** @type {import("./contract.js").Golden} */ vector) {
  const dtype = session.facts.exportedDtype;
  const pixels = await session.pixelsOfFile(new Blob([bytesFromBase64(vector.image_png_base64)], { type: "image/png" }));
  const { equal, note } = await compareInput(pixels, vector, dtype);
  const [scores, features] = await session.compiled.run(session.inputOf(pixels));
  const wanted = valuesFromBytes(await unpacked(bytesFromBase64(vector.output_zlib_base64), "deflate"), dtype);
  const outputLsb = stepsBetween(scores, wanted, session.specs.scores, dtype);
  const map = await compareMap(session, features, vector);
  const holds = equal && outputLsb <= vector.tolerance_lsb.output && (map === null || map <= MAP_TOLERANCE);
  return { equal: holds, inputEqual: equal, outputLsb, map, note };
}

/**
 * Compare this browser with what Python found.
 *
 * @param {import("./session.js").Session} session
 * @returns {Promise<Report>}
 */
export async function checkGolden(session) {
  const vectors = session.facts.golden;
  if (vectors.length === 0) return { checks: [], passed: true, text: "not available: MODEL.contract.json was not beside the model" };
  const checks = [];
  for (const vector of vectors) checks.push(await checkOne(session, vector));
  const equal = checks.filter((check) => check.equal).length;
  const steps = Math.max(...checks.map((check) => check.outputLsb));
  const inputs = checks.every((check) => check.inputEqual) ? "" : ", inputs differ";
  const notes = [...new Set(checks.map((check) => check.note).filter((note) => note !== ""))].join("; ");
  const text = `${equal} of ${checks.length} equal, largest difference ${+steps.toFixed(2)} LSB${inputs}${notes && ` (${notes})`}`;
  return { checks, passed: equal === checks.length, text };
}
