// What a .tflite says about itself: preprocessing, labels, and what class activation maps are made of.
// `edge_effnet/model_contract.py` in another language: the page has no constants of a model's own.

import { labelsFromArchive } from "./archive.js";
import { RESAMPLE_NAMES } from "./weights.js";
import { ModelError } from "./flatbuffer.js";

const ENTRY = "edge_effnet_contract";
const PREPROCESSING = "edge-effnet/preprocessing/1";
const MAX_RESOLUTION_PX = 4096;
const MAX_CONTRACT_BYTES = 16 << 20;
/** What is assumed of a model that says nothing, and said. */
const ASSUMED = { crop_fraction: 0.875, resample: "bicubic" };

/**
 * @typedef {object} Golden
 * @property {string} image_png_base64
 * @property {string} input_sha256
 * @property {string | null} input_zlib_base64
 * @property {string} output_zlib_base64
 * @property {number} top1
 * @property {{input: number, output: number}} tolerance_lsb
 * @property {string} [map_zlib_base64]
 *
 * @typedef {object} Facts
 * @property {import("./resize.js").Preprocessing} preprocessing
 * @property {string[]} labels
 * @property {{features: number, weights: string} | null} explain
 * @property {Golden[]} golden
 * @property {string} exportedDtype of the exported file's input and output
 * @property {string[]} notes what had to be assumed
 */

/** @returns {Record<string, any>} */
function parsed(/** @type {Uint8Array} */ bytes, /** @type {string} */ origin) {
  if (bytes.byteLength > MAX_CONTRACT_BYTES) throw new ModelError(`the contract in ${origin} is too large`);
  let record;
  try {
    record = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new ModelError(`the contract in ${origin} is not JSON`);
  }
  if (typeof record !== "object" || record === null || Array.isArray(record)) throw new ModelError(`the contract in ${origin} is not a JSON object`);
  return record;
}

/**
 * Check a preprocessing record.
 *
 * @param {any} record
 * @returns {import("./resize.js").Preprocessing}
 * @throws {ModelError} it is of another schema, or unusable
 */
export function preprocessingFromRecord(record) {
  const { schema = PREPROCESSING, resolution_px: size, crop_fraction: crop, resample } = record;
  const fits =
    schema === PREPROCESSING && Number.isInteger(size) && size >= 1 && size <= MAX_RESOLUTION_PX &&
    typeof crop === "number" && crop > 0 && crop <= 1 && RESAMPLE_NAMES.includes(resample);
  if (!fits) throw new ModelError(`the preprocessing record is unusable: ${JSON.stringify(record).slice(0, 200)}`);
  return { resolution_px: size, crop_fraction: crop, resample };
}

/** A name that is the same exactly when the pixels are. */
export function preprocessingId(/** @type {import("./resize.js").Preprocessing} */ { resolution_px, crop_fraction, resample }) {
  return `square-${crop_fraction}-${resample}-${resolution_px}px-v1`;
}

function preprocessingOf(/** @type {Record<string, any>} */ contract, /** @type {number} */ side, /** @type {string[]} */ notes) {
  if (contract.preprocessing) {
    const found = preprocessingFromRecord(contract.preprocessing);
    if (found.resolution_px === side) return found;
    throw new ModelError(`the contract and the model's input disagree: ${found.resolution_px} px and ${side} px`);
  }
  const assumed = { resolution_px: side, ...ASSUMED };
  notes.push(`the model carries no preprocessing contract: assumed ${preprocessingId(assumed)} and raw pixels 0..255`);
  return assumed;
}

async function labelsOf(/** @type {Record<string, any>} */ contract, /** @type {Uint8Array} */ bytes, /** @type {number} */ classes, /** @type {string[]} */ notes) {
  const said = contract.labels ?? [];
  if (!Array.isArray(said) || said.some((label) => typeof label !== "string")) throw new ModelError("the contract's labels are not a list of strings");
  const found = said.length > 0 ? said : await labelsFromArchive(bytes, classes);
  if (found === null) {
    notes.push("the model carries no labels: classes are shown by number");
    return Array.from({ length: classes }, (_, index) => `class ${index}`);
  }
  if (found.length !== classes) throw new ModelError(`the labels do not fit the model: ${found.length} labels, ${classes} outputs`);
  return found;
}

function explainOf(/** @type {Record<string, any>} */ contract) {
  const { method, features_output: features, weights } = contract.explain ?? {};
  if (method !== "cam") return null; // absent, or of another version: not guessed at
  if (!Number.isInteger(features) || features < 1 || typeof weights !== "string") throw new ModelError("the contract's 'explain' is unusable");
  return { features, weights };
}

/**
 * Gather what is known about a model.
 *
 * @param {import("./tflite.js").Model} model
 * @param {Uint8Array} bytes its file
 * @param {import("./tensor.js").Specs} specs
 * @param {Uint8Array | null} sidecar MODEL.contract.json, if it was beside the model
 * @returns {Promise<Facts>}
 * @throws {ModelError} what it says about itself cannot be used
 */
export async function factsOfModel(model, bytes, specs, sidecar) {
  const inside = model.metadata.get(ENTRY);
  const beside = sidecar === null ? {} : parsed(sidecar, "MODEL.contract.json");
  const contract = inside === undefined ? beside : parsed(inside, "the model's metadata");
  /** @type {string[]} */
  const notes = [];
  return {
    preprocessing: preprocessingOf(contract, specs.input.shape[1], notes),
    labels: await labelsOf(contract, bytes, specs.scores.shape.at(-1) ?? 0, notes),
    explain: explainOf(contract),
    golden: Array.isArray(beside.golden) ? beside.golden : [],
    exportedDtype: String(beside.io?.input?.dtype ?? contract.io?.input?.dtype ?? specs.input.dtype),
    notes,
  };
}
