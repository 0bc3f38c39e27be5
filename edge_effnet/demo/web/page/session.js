// One loaded model: from a frame to labels.

import { ActivationMap, shown } from "./cam.js";
import { factsOfModel, preprocessingId } from "./contract.js";
import { decoded } from "./decoding.js";
import { PageError } from "./errors.js";
import { Resizer } from "./resize.js";
import { compile, openRuntime } from "./runtime.js";
import { best, dequantise, Smoother, softmax } from "./scores.js";
import { inputFromPixels, specsOfModel } from "./tensor.js";
import { ModelError } from "./flatbuffer.js";
import { readModel } from "./tflite.js";

/**
 * @typedef {object} Settings
 * @property {number} topK
 * @property {number} threshold
 * @property {number} smooth
 * @property {boolean} map whether a class activation map is wanted
 *
 * @typedef {object} Answer
 * @property {import("./scores.js").Guess[]} top
 * @property {{values: Float32Array, rows: number, columns: number, label: string} | null} map
 * @property {number} preprocessMs
 * @property {number} inferenceMs
 */

/** A model in LiteRT.js and everything that is known about it. */
export class Session {
  /**
   * @param {import("./tflite.js").Model} model
   * @param {import("./tensor.js").Specs} specs
   * @param {import("./contract.js").Facts} facts
   * @param {import("./runtime.js").Variant} variant
   * @param {import("./runtime.js").Compiled} compiled
   */
  constructor(model, specs, facts, variant, compiled) {
    this.model = model;
    this.specs = specs;
    this.facts = facts;
    this.variant = variant;
    this.compiled = compiled;
    this.maps = facts.explain === null ? null : new ActivationMap(model, specs, facts.explain);
    this.resizer = new Resizer(facts.preprocessing);
    this.smoother = new Smoother(0);
    this.canvas = new OffscreenCanvas(1, 1);
    this.context = this.newContext();
    /** What the last frame gave, for tests and benchmarks. @type {{input: Uint8Array | Float32Array, outputs: (Uint8Array | Float32Array)[], number: number} | null} */
    this.last = null;
    this.frames = 0;
  }

  newContext() {
    const context = this.canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
    if (context === null) throw new PageError("old-browser", "no 2d canvas in a worker");
    return context;
  }

  /** The model's pixels of a decoded picture. @param {ImageBitmap} bitmap @returns {Uint8Array} `(side, side, 3)` */
  pixelsOf(bitmap) {
    const { width, height } = bitmap;
    const region = this.resizer.region(width, height);
    if (this.canvas.width !== region.width || this.canvas.height !== region.height) {
      Object.assign(this.canvas, { width: region.width, height: region.height });
    }
    this.context.fillStyle = "#fff"; // transparency is laid over white
    this.context.fillRect(0, 0, region.width, region.height);
    this.context.drawImage(bitmap, -region.left, -region.top);
    return this.resizer.pixels(this.context.getImageData(0, 0, region.width, region.height), width, height);
  }

  /** @param {Blob} file */
  async pixelsOfFile(file) {
    const bitmap = await decoded(file);
    const pixels = this.pixelsOf(bitmap);
    bitmap.close();
    return pixels;
  }

  inputOf(/** @type {Uint8Array} */ pixels) {
    return inputFromPixels(pixels, this.specs.input);
  }

  probabilities(/** @type {ArrayLike<number>} */ codes) {
    const reals = dequantise(codes, this.specs.scores.quantisation);
    return this.model.endsInSoftmax ? reals : softmax(reals);
  }

  /**
   * Look at one frame.
   *
   * @param {ImageBitmap} bitmap closed afterwards
   * @param {Settings} settings
   * @returns {Promise<Answer>}
   */
  async look(bitmap, settings) {
    const start = performance.now();
    const input = this.inputOf(this.pixelsOf(bitmap));
    bitmap.close();
    const ready = performance.now();
    const outputs = await this.compiled.run(input);
    const done = performance.now();
    this.frames += 1;
    this.last = { input, outputs, number: this.frames };
    this.smoother.share = settings.smooth;
    this.smoother.add(this.probabilities(outputs[0]));
    return { ...this.show(settings), preprocessMs: ready - start, inferenceMs: done - ready };
  }

  /** What the last frames gave, by other settings. @param {Settings} settings */
  show(settings) {
    const mean = this.smoother.mean ?? new Float32Array(0);
    const top = best(mean, this.facts.labels, settings.topK, settings.threshold);
    return { top, map: this.mapOf(top, settings) };
  }

  mapOf(/** @type {import("./scores.js").Guess[]} */ top, /** @type {Settings} */ settings) {
    if (!settings.map || this.maps === null || this.last === null || top.length === 0) return null;
    const values = shown(this.maps.scores(this.last.outputs[this.maps.features.index], top[0].index));
    return { values, rows: this.maps.rows, columns: this.maps.columns, label: top[0].label };
  }

  /** What the page shows about the model and the engine. */
  describe() {
    const { input, scores } = this.specs;
    return {
      preprocessing: this.facts.preprocessing,
      preprocessingId: preprocessingId(this.facts.preprocessing),
      classes: this.facts.labels.length,
      interface: `${input.dtype} (${input.shape.join(", ")}) to ${scores.dtype} (${scores.shape.join(", ")})`,
      explains: this.maps !== null,
      golden: this.facts.golden.length,
      notes: this.facts.notes,
      variant: this.variant,
      isolated: Boolean(globalThis.crossOriginIsolated),
    };
  }
}

/** @template T  @param {() => T | Promise<T>} read  @returns {Promise<T>} */
async function asPageError(read) {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    throw new PageError("wrong-model", error.message);
  }
}

/**
 * Load a model.
 *
 * @param {{bytes: ArrayBuffer, sidecar: ArrayBuffer | null, base: string, threads: number | null}} request
 * @returns {Promise<Session>}
 * @throws {PageError} with a code of errors.js
 */
export async function openSession({ bytes, sidecar, base, threads }) {
  if (typeof OffscreenCanvas === "undefined" || typeof DecompressionStream === "undefined") {
    throw new PageError("old-browser", "no OffscreenCanvas or DecompressionStream in workers");
  }
  const whole = new Uint8Array(bytes);
  const { model, specs, facts } = await asPageError(async () => {
    const read = readModel(whole);
    const found = specsOfModel(read);
    return { model: read, specs: found, facts: await factsOfModel(read, whole, found, sidecar && new Uint8Array(sidecar)) };
  });
  const { core, variant } = await openRuntime(base, threads);
  const compiled = await compile(core, variant, whole, model, specs.input);
  return asPageError(() => new Session(model, specs, facts, variant, compiled));
}
