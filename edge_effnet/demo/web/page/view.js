// What is on the screen; nothing here knows where a picture comes from.

import { enlarged, heatColours } from "./cam.js";
import { explained } from "./errors.js";

/** The first label is spoken when it has stood this long: not every frame. */
const SPEAK_AFTER_MS = 1200;
/** Side of the heat map's canvas, in pixels of its own. */
const HEAT_PX = 224;

/** @template {HTMLElement} T  @returns {T} */
export function part(/** @type {string} */ id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (found);
}

/** The first of a label's names: "tench, Tinca tinca" has two. */
export function firstName(/** @type {string} */ label) {
  return label.split(",", 1)[0].trim();
}

const percent = (/** @type {number} */ score) => `${Math.round(100 * score)} %`;
const number = (/** @type {number | null | undefined} */ value, digits = 1) => (value == null ? "–" : value.toFixed(digits));

/** One row of the results. */
function newRow() {
  const row = document.createElement("li");
  for (const name of ["name", "score", "track"]) {
    const element = document.createElement(name === "track" ? "div" : "span");
    element.className = name;
    row.append(element);
  }
  const fill = document.createElement("div");
  fill.className = "fill";
  row.children[2].append(fill);
  return row;
}

/** Labels with bars. @param {import("./scores.js").Guess[]} top @param {string} otherwise what to say of none */
export function showResults(top, otherwise) {
  const list = part("results");
  while (list.children.length < top.length) list.append(newRow());
  while (list.children.length > top.length) list.lastElementChild?.remove();
  top.forEach(({ label, score }, place) => {
    const [name, share, track] = /** @type {HTMLElement[]} */ ([...list.children[place].children]);
    name.textContent = place === 0 ? firstName(label) : label;
    name.title = label;
    share.textContent = percent(score);
    /** @type {HTMLElement} */ (track.firstElementChild).style.transform = `scaleX(${score})`;
  });
  part("nothing").hidden = top.length > 0;
  part("nothing").textContent = otherwise;
  part("caption").hidden = top.length === 0;
  if (top.length > 0) {
    part("caption-label").textContent = firstName(top[0].label);
    part("caption-score").textContent = percent(top[0].score);
  }
  speak(top);
}

const spoken = { next: "", timer: 0 };

/** Tell a screen reader what the first label is, once it has stood for a while. */
function speak(/** @type {import("./scores.js").Guess[]} */ top) {
  const label = top.length === 0 ? "nothing above the smallest score" : firstName(top[0].label);
  if (label === spoken.next) return;
  spoken.next = label;
  clearTimeout(spoken.timer);
  spoken.timer = setTimeout(() => {
    if (part("spoken").textContent !== label) part("spoken").textContent = label;
  }, SPEAK_AFTER_MS);
}

/** The corners of what the model sees, and the heat map's place. */
export function showSquare(/** @type {{left: number, top: number, side: number}} */ { left, top, side }, /** @type {number} */ width, /** @type {number} */ height) {
  const stage = part("stage");
  stage.style.setProperty("--aspect", String(width / height));
  const shares = { "--left": left / width, "--top": top / height, "--wide": side / width, "--high": side / height };
  for (const [name, share] of Object.entries(shares)) stage.style.setProperty(name, `${100 * share}%`);
  part("square").hidden = false;
}

/** @param {import("./session.js").Answer["map"]} map null hides it */
export function showHeat(map) {
  const canvas = /** @type {HTMLCanvasElement} */ (part("heat"));
  canvas.hidden = map === null;
  if (map === null) return;
  const colours = heatColours(enlarged(map.values, map.rows, map.columns, HEAT_PX));
  canvas.getContext("2d")?.putImageData(new ImageData(colours, HEAT_PX, HEAT_PX), 0, 0);
}

/** @param {import("./looper.js").Figures} figures @param {boolean} isLive */
export function showSpeed(figures, isLive) {
  const [inference, preprocess] = [figures.inference.summary(), figures.preprocess.summary()];
  part("inference-p50").textContent = number(inference?.p50);
  part("inference-p90").textContent = number(inference?.p90);
  part("preprocess-p50").textContent = number(preprocess?.p50);
  part("preprocess-p90").textContent = number(preprocess?.p90);
  part("captured").textContent = number(isLive ? figures.captured.perSecond() : null);
  part("looked").textContent = number(isLive ? figures.answered.perSecond() : null);
  const n = inference?.n ?? 0;
  part("frames").textContent = n === 0 ? "No frames yet." : `Medians of the last ${n === 1 ? "frame" : `${n} frames`}; below them the ninetieth percentile.`;
}

/** Which kind of source the stage shows. @param {"none" | "video" | "still"} kind */
export function showStage(kind) {
  part("welcome").hidden = kind !== "none";
  part("controls").hidden = kind === "none";
  part("stage").classList.toggle("empty", kind === "none");
  part("video").hidden = kind !== "video";
  part("still").hidden = kind !== "still";
  if (kind === "none") {
    showResults([], "Nothing yet.");
    showHeat(null);
    part("square").hidden = true;
  }
}

/** Explain a failure. @param {unknown} error @param {boolean} canRepeat whether trying again may help */
export function showError(error, canRepeat) {
  const { code, what, remedy, detail } = explained(error);
  part("notice-what").textContent = what;
  part("notice-remedy").textContent = remedy;
  part("notice-detail").textContent = detail;
  part("notice-again").hidden = !canRepeat;
  part("notice-single").hidden = code !== "engine-stalled";
  part("notice").dataset.code = code;
  part("notice").hidden = false;
}

export function hideError() {
  part("notice").hidden = true;
  delete part("notice").dataset.code;
}

/** A table of what is known. @param {[string, string][]} rows */
export function showAbout(rows) {
  const list = part("about");
  list.replaceChildren(
    ...rows.map(([name, value]) => {
      const row = document.createElement("div");
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      text.textContent = value;
      row.append(term, text);
      return row;
    }),
  );
}

/** @param {{deviceId: string, label: string}[]} cameras @param {string} chosen */
export function showCameras(cameras, chosen) {
  const select = /** @type {HTMLSelectElement} */ (part("camera"));
  select.replaceChildren(...cameras.map(({ deviceId, label }) => new Option(label, deviceId, false, deviceId === chosen)));
  part("camera-field").hidden = cameras.length < 2;
  part("flip").hidden = cameras.length < 2;
}
