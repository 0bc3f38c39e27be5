// The two buttons that test: golden vectors and benchmark.

import { about, engine, fail, looper, run, state } from "./app.js";
import { benchmarkRecord, RUNS, WARMUP_RUNS } from "./benchmark.js";
import { part } from "./view.js";

/** Compare with the golden vectors and say how it went. */
export async function check() {
  part("golden").textContent = "checking";
  try {
    const { text, passed } = await engine.ask("check");
    state.golden = text;
    part("golden").classList.toggle("failed", !passed);
  } catch (error) {
    state.golden = `could not be checked: ${/** @type {Error} */ (error).message}`;
    part("golden").classList.add("failed");
  }
  part("golden").textContent = state.golden;
  about();
}

/** Time the model on one frame while the camera waits. */
export async function benchmark() {
  const button = part("benchmark");
  button.setAttribute("disabled", "");
  looper.stop();
  try {
    const measured = await engine.ask("benchmark", { warmup: WARMUP_RUNS, runs: RUNS });
    state.benchmark = benchmarkRecord(measured, state.model, state.engine);
    show(state.benchmark);
  } catch (error) {
    fail(error, null);
  }
  button.removeAttribute("disabled");
  run();
}

let saved = "";

function show(/** @type {Record<string, any>} */ record) {
  const text = `${JSON.stringify(record, null, 1)}\n`;
  if (saved) URL.revokeObjectURL(saved);
  saved = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  /** @type {HTMLAnchorElement} */ (part("benchmark-save")).href = saved;
  part("benchmark-copy").onclick = () => void copy(text);
  part("benchmark-copy").textContent = "Copy JSON";
  part("benchmark-text").textContent =
    `min ${record.min_ms} ms, p50 ${record.p50_ms} ms, p90 ${record.p90_ms} ms of ${record.runs} runs on ${record.input}`;
  part("benchmark-result").hidden = false;
}

async function copy(/** @type {string} */ text) {
  const done = (await navigator.clipboard?.writeText(text).then(() => true, () => false)) ?? false;
  part("benchmark-copy").textContent = done ? "Copied" : "Not allowed here: save it";
}
