// What changes while the page runs, and the loop between worker and screen.

import { Engine } from "./engine.js";
import { Looper } from "./looper.js";
import { seenSquare } from "./resize.js";
import { part, showAbout, showError, showHeat, showResults, showSpeed, showSquare, showStage } from "./view.js";

/** How often figures are drawn: faster cannot be read. */
const FIGURES_MS = 500;

export const video = /** @type {HTMLVideoElement} */ (part("video"));
export const engine = new Engine();

/** @typedef {"none" | "camera" | "film" | "picture"} Source */

export const state = {
  source: /** @type {Source} */ ("none"),
  /** The text of model.json. */ facts: "",
  /** What it says. @type {Record<string, any>} */ model: {},
  /** What the worker says of itself; null before it is ready. @type {any} */ engine: null,
  /** The last one's record. @type {Record<string, any> | null} */ benchmark: null,
  golden: "checking",
  offline: "preparing",
  isPaused: false,
  again: () => location.reload(),
};

/** @returns {HTMLInputElement} */
export const input = (/** @type {string} */ id) => part(id);

/** @returns {import("./session.js").Settings} */
function settings() {
  const [topK, threshold, smooth] = ["top-k", "threshold", "smooth"].map((id) => Number(input(id).value));
  return { topK, threshold, smooth: state.source === "picture" ? 0 : smooth, map: input("heat-switch").checked };
}

function look(/** @type {ImageBitmap} */ bitmap) {
  const { width, height } = bitmap;
  showSquare(seenSquare(state.engine.preprocessing, width, height), width, height);
  return engine.ask("look", { bitmap, settings: settings() }, [bitmap]);
}

export const looper = new Looper(video, look, showAnswer, (error) => fail(error, () => location.reload()));

/** @param {Pick<import("./session.js").Answer, "top" | "map">} answer */
function showAnswer({ top, map }) {
  showResults(top, "Nothing reaches the smallest score.");
  showHeat(map);
  const now = performance.now();
  if (now - drawn < FIGURES_MS && looper.figures.looked > 1) return;
  drawn = now;
  showSpeed(looper.figures, state.source !== "picture");
}
let drawn = 0;

/** Explain a failure; `again` is what the button for another try does, if another try may help. */
export function fail(/** @type {unknown} */ error, /** @type {(() => void) | null} */ again) {
  state.again = again ?? (() => {});
  showError(error, again !== null);
}

export function setPaused(/** @type {boolean} */ isPaused) {
  state.isPaused = isPaused;
  part("pause").setAttribute("aria-pressed", String(isPaused));
  part("pause").textContent = isPaused ? "Resume" : "Pause";
  if (isPaused) video.pause();
  else if (state.source === "camera" || state.source === "film") video.play().catch(() => {}); // refused: the frame stays
  run();
}

/** Let the loop run when it can. */
export function run() {
  if (state.engine === null || state.isPaused || document.hidden) looper.stop();
  else looper.start();
}

/** Change to another source; figures and means of the one before mean nothing for it. */
export async function enter(/** @type {Source} */ source, /** @type {string} */ words) {
  state.source = source;
  looper.clear();
  if (state.engine !== null) await engine.ask("forget");
  showStage(source === "none" ? "none" : source === "picture" ? "still" : "video");
  showSpeed(looper.figures, false);
  part("source").textContent = words;
  part("pause").toggleAttribute("disabled", source === "none" || source === "picture");
  setPaused(false);
}

/** Draw the last answer anew after a setting changed; a moving picture's next frame does it by itself. */
export async function changed() {
  for (const id of ["top-k", "threshold", "smooth"]) {
    const { value } = input(id);
    part(`${id}-value`).textContent = id === "threshold" ? `${Math.round(100 * Number(value))} %` : value;
  }
  part("results").style.setProperty("--rows", input("top-k").value); // room for all: what is below does not jump
  part("stage").classList.toggle("mirrored", input("mirror").checked);
  if (state.engine !== null && looper.figures.looked > 0 && (state.isPaused || state.source === "picture")) {
    showAnswer(await engine.ask("show", settings()));
  }
}

/** The table of what is known about model and engine. */
export function about() {
  const { model, engine: known } = state;
  if (known === null) return;
  const { variant } = known;
  const notes = [...known.notes, ...(model.notes ?? [])];
  showAbout([
    ["Model", `${model.name}, ${(model.size_bytes / 1e6).toFixed(1)} MB`],
    ["sha256 of the file", model.sha256],
    ["Interface here", known.interface],
    ["Preprocessing", known.preprocessingId],
    ["Classes", String(known.classes)],
    ["Engine", `LiteRT.js ${model.litert?.version ?? ""}, ${variant.name} WebAssembly`],
    ["Threads", `${variant.threads}; ${variant.reason}`],
    ["Golden vectors", state.golden],
    ["Offline", state.offline],
    ["Page", `edge-effnet ${model.version ?? ""}`],
    .../** @type {[string, string][]} */ (notes.map((note) => ["Note", note])),
  ]);
}
