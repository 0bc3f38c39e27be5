// What the worker can be asked for. One model per page: a second one would find the first's threads still there.

import { PageError } from "./errors.js";
import { checkGolden } from "./golden.js";
import { openSession } from "./session.js";

/** @type {import("./session.js").Session | null} */
let current = null;

function session() {
  if (current === null) throw new PageError("unknown", "no model is loaded");
  return current;
}

/** A fixed input for benchmarks before the first frame: a slope of greys. */
function slope(/** @type {import("./tensor.js").Spec} */ spec) {
  const size = spec.shape.reduce((a, b) => a * b, 1);
  const pixels = Uint8Array.from({ length: size }, (_, place) => Math.floor((place * 255) / size));
  return spec.dtype === "uint8" ? pixels : Float32Array.from(pixels);
}

/** @type {Record<string, (value: any) => Promise<any>>} */
export const TASKS = {
  /** Load the model. */
  async load(value) {
    current = await openSession(value);
    return current.describe();
  },

  /** Look at a frame: `{bitmap, settings}`. */
  async look({ bitmap, settings }) {
    return session().look(bitmap, settings);
  },

  /** Show the last answer by other settings. */
  async show(settings) {
    return session().show(settings);
  },

  /** Forget the frames so far: another source is next. */
  async forget() {
    session().smoother.clear();
    return null;
  },

  /** Compare with the golden vectors. */
  async check() {
    return checkGolden(session());
  },

  /** What the last frame was made of, for tests: copies of input and outputs. */
  async last() {
    const { last } = session();
    return last === null ? null : { ...last, probabilities: session().probabilities(last.outputs[0]) };
  },

  /** Time runs on one input, copies in and out included: `{warmup, runs}`. */
  async benchmark({ warmup, runs }) {
    const { compiled, last, specs } = session();
    const input = last?.input ?? slope(specs.input);
    const samples = [];
    for (let run = -warmup; run < runs; run += 1) {
      const start = performance.now();
      await compiled.run(input);
      if (run >= 0) samples.push(performance.now() - start);
    }
    return { samples, input: last === null ? "a slope of greys" : "the last frame" };
  },
};
