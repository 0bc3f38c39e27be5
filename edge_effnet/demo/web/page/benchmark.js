// The record of a benchmark: raw times in their order, and all conditions that are known.

import { percentile } from "./stats.js";

export const WARMUP_RUNS = 10;
export const RUNS = 50;

/**
 * @param {{samples: number[], input: string}} measured in ms
 * @param {Record<string, any>} model what model.json says
 * @param {Record<string, any>} engine what the worker says of itself
 * @returns {Record<string, any>} one JSON document
 */
export function benchmarkRecord({ samples, input }, model, engine) {
  return {
    schema_version: 1,
    kind: "edge-effnet web benchmark",
    model: { name: model.name, sha256: model.sha256, served_sha256: model.served_sha256, interface: engine.interface },
    engine: { name: "LiteRT.js", version: model.litert?.version, variant: engine.variant.name, threads: engine.variant.threads },
    cross_origin_isolated: engine.isolated,
    timing: "measured in the browser, one run with copies in and out",
    input,
    warmup_runs: WARMUP_RUNS,
    runs: samples.length,
    min_ms: rounded(Math.min(...samples)),
    p50_ms: rounded(percentile(samples, 0.5)),
    p90_ms: rounded(percentile(samples, 0.9)),
    samples_ms: samples.map(rounded),
    browser: navigator.userAgent,
    logical_cores: navigator.hardwareConcurrency,
    package_version: model.version,
    finished: new Date().toISOString(),
  };
}

const rounded = (/** @type {number} */ value) => Math.round(value * 1000) / 1000;
