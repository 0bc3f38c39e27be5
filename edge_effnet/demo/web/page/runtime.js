// LiteRT.js inside the worker: which variant, how many threads, and why.

import { PageError } from "./errors.js";

/**
 * @typedef {object} Variant
 * @property {"threaded" | "plain" | "compat"} name
 * @property {number} threads
 * @property {string} reason why not more, or why these
 * @property {string[]} files what it is loaded from, below the folder of LiteRT.js
 */

/** Variant -> stem of its files, as LiteRT.js chooses them. */
const STEMS = { threaded: "litert_wasm_threaded_internal", plain: "litert_wasm_internal", compat: "litert_wasm_compat_internal" };
/** More threads than this are slower on a phone, whose other cores are small ones. */
const MOST_THREADS = 4;
/** Lines that LiteRT.js wrote, for the message when it fails. */
const MAX_LINES = 40;

/** @type {string[]} */
const lines = [];
let failures = 0;

function note(/** @type {unknown[]} */ ...words) {
  const line = words.join(" ");
  if (line.startsWith("ERROR")) failures += 1;
  lines.push(line);
  if (lines.length > MAX_LINES) lines.shift();
}

/** An error of LiteRT.js and what it wrote last. */
function said(/** @type {unknown} */ error) {
  return [String(error), ...lines.slice(-6)].join("\n");
}

/** @returns {{threads: number, reason: string}} */
function threadsFor(/** @type {number | null} */ wanted, /** @type {boolean} */ relaxedSimd) {
  const cores = navigator.hardwareConcurrency || 1;
  if (!globalThis.crossOriginIsolated) {
    return { threads: 1, reason: "one thread: the page is not cross-origin isolated, so the browser shares no memory between threads" };
  }
  if (!relaxedSimd) return { threads: 1, reason: "one thread: the browser lacks relaxed SIMD, which the threaded build needs" };
  if (wanted !== null) return { threads: Math.min(wanted, cores), reason: wanted > cores ? `asked for ${wanted}, ${cores} cores here` : "as asked for" };
  return { threads: Math.min(cores, MOST_THREADS), reason: `${cores} cores here, at most ${MOST_THREADS} are used` };
}

/** @returns {Variant} */
function variantFor(/** @type {number | null} */ wanted, /** @type {boolean} */ relaxedSimd) {
  const { threads, reason } = threadsFor(wanted, relaxedSimd);
  const name = threads > 1 ? "threaded" : relaxedSimd ? "plain" : "compat";
  return { name, threads, reason, files: [`wasm/${STEMS[name]}.js`, `wasm/${STEMS[name]}.wasm`] };
}

/**
 * Load LiteRT.js.
 *
 * @param {string} base address of its folder
 * @param {number | null} wanted threads asked for; null leaves it to the machine
 * @returns {Promise<{core: any, variant: Variant}>}
 * @throws {PageError} it does not load
 */
export async function openRuntime(base, wanted) {
  const warn = console.warn;
  try {
    const core = await import(`${base}core/index.js`);
    const variant = variantFor(wanted, await core.supportsFeature("relaxedSimd"));
    // In a worker the loader takes the worker's own address for its own: it has to be told where its files are.
    Object.assign(self, {
      Module: {
        locateFile: (/** @type {string} */ file) => `${base}wasm/${file}`,
        mainScriptUrlOrBlob: `${base}wasm/${STEMS[variant.name]}.js`,
        print: note,
        printErr: note,
      },
    });
    // It would take a GPU that is not used here; without one it warns, and goes on.
    Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
    console.warn = note;
    await core.loadLiteRt(`${base}wasm/`, { threads: variant.name === "threaded" });
    return { core, variant };
  } catch (error) {
    throw new PageError("engine", said(error));
  } finally {
    console.warn = warn;
  }
}

/** A compiled model that takes and gives plain arrays. */
export class Compiled {
  /**
   * @param {any} core LiteRT.js
   * @param {any} model compiled
   * @param {number[]} shape of the input
   * @param {number[]} order of LiteRT.js's outputs: place k has the graph's output order[k]
   */
  constructor(core, model, shape, order) {
    this.core = core;
    this.model = model;
    this.shape = shape;
    this.order = order;
  }

  /**
   * Run once.
   *
   * LiteRT.js 2.5.3 does not throw when a model cannot be made ready, by an unknown operator for one: it writes a line and
   * gives back whatever the memory held. So its lines are watched.
   *
   * @param {Uint8Array | Float32Array} values
   * @returns {Promise<(Uint8Array | Float32Array)[]>} in the order of the graph's outputs
   * @throws {PageError} it did not run
   */
  async run(values) {
    const given = new this.core.Tensor(values, this.shape);
    const before = failures;
    try {
      const results = await this.model.run([given]);
      /** @type {(Uint8Array | Float32Array)[]} */
      const outputs = [];
      results.forEach((/** @type {any} */ result, /** @type {number} */ place) => {
        outputs[this.order[place]] = result.toTypedArray().slice();
        result.delete();
      });
      if (failures > before) throw new Error("LiteRT.js reported an error");
      return outputs;
    } catch (error) {
      throw new PageError("inference", said(error));
    } finally {
      given.delete();
    }
  }
}

/** Which of the graph's outputs each of LiteRT.js's is: by the signature's name, else by the tensor's, else by place. */
function outputOrder(/** @type {any} */ compiled, /** @type {import("./tflite.js").Model} */ model) {
  return compiled.getOutputDetails().map((/** @type {{name: string}} */ { name }, /** @type {number} */ place) => {
    const named = model.outputNames[name] ?? model.outputs.find((index) => model.tensors[index].name === name);
    const found = named === undefined ? -1 : model.outputs.indexOf(named);
    return found < 0 ? place : found;
  });
}

function emptyInput(/** @type {import("./tensor.js").Spec} */ { dtype, shape }) {
  const size = shape.reduce((a, b) => a * b, 1);
  return dtype === "uint8" ? new Uint8Array(size) : new Float32Array(size);
}

/**
 * Compile a model for the processor.
 *
 * @param {any} core
 * @param {Variant} variant
 * @param {Uint8Array} bytes
 * @param {import("./tflite.js").Model} model
 * @param {import("./tensor.js").Spec} input
 * @returns {Promise<Compiled>}
 * @throws {PageError} LiteRT.js cannot run it
 */
export async function compile(core, variant, bytes, model, input) {
  try {
    const loaded = await core.loadAndCompile(bytes, { accelerator: "wasm", cpuOptions: { numThreads: variant.threads } });
    const compiled = new Compiled(core, loaded, input.shape, outputOrder(loaded, model));
    await compiled.run(emptyInput(input)); // operators are made ready at the first run
    return compiled;
  } catch (error) {
    throw new PageError("compile", error instanceof PageError ? error.message : said(error));
  }
}
