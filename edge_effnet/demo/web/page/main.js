// The page: puts camera, worker and screen together.

import { benchmarkRecord, RUNS, WARMUP_RUNS } from "./benchmark.js";
import { isAllowed, listCameras, openCamera, openPicture, play, release, watchFrames } from "./camera.js";
import { base64FromBytes, sha256 } from "./bytes.js";
import { Engine } from "./engine.js";
import { PageError } from "./errors.js";
import { Looper } from "./looper.js";
import { freshFacts, keepForOffline, lookForUpdate } from "./offline.js";
import { seenSquare } from "./resize.js";
import { hideError, part, showAbout, showCameras, showError, showHeat, showResults, showSpeed, showSquare, showStage } from "./view.js";

/** How often the server is asked whether it is still there, and figures are drawn. */
const PULSE_MS = 10_000;
const FIGURES_MS = 500;

const video = /** @type {HTMLVideoElement} */ (part("video"));
const still = /** @type {HTMLCanvasElement} */ (part("still"));
const engine = new Engine();

/** Everything that changes. */
const state = {
  /** @type {"none" | "camera" | "film" | "picture"} */ source: "none",
  /** @type {Blob | null} */ picture: null,
  /** @type {import("./camera.js").Facing} */ facing: "environment",
  /** @type {Record<string, any>} */ model: {},
  /** @type {any} */ engine: null,
  golden: "checking",
  offline: "preparing",
  deviceId: "",
  isPaused: false,
  /** @type {() => void} */ again: () => location.reload(),
};

/** @returns {HTMLInputElement} */
const input = (/** @type {string} */ id) => part(id);

/** @returns {import("./session.js").Settings} */
function settings() {
  const [topK, threshold, smooth] = ["top-k", "threshold", "smooth"].map((id) => Number(input(id).value));
  return { topK, threshold, smooth: state.source === "picture" ? 0 : smooth, map: input("heat-switch").checked };
}

const looper = new Looper(
  video,
  (bitmap) => {
    if (state.engine !== null) showSquare(seenSquare(state.engine.preprocessing, bitmap.width, bitmap.height), bitmap.width, bitmap.height);
    return engine.ask("look", { bitmap, settings: settings() }, [bitmap]);
  },
  showAnswer,
  (error) => fail(error, () => location.reload()),
);

function showAnswer(/** @type {Pick<import("./session.js").Answer, "top" | "map">} */ { top, map }) {
  if (state.source === "none") return;
  showResults(top, "Nothing reaches the smallest score.");
  showHeat(map);
  drawFigures();
}

let drawn = 0;
function drawFigures() {
  const now = performance.now();
  if (now - drawn < FIGURES_MS && looper.looked > 1) return;
  drawn = now;
  showSpeed(looper, state.source === "camera" || state.source === "film");
}

function fail(/** @type {unknown} */ error, /** @type {(() => void) | null} */ again) {
  state.again = again ?? (() => {});
  showError(error, again !== null);
}

function setPaused(/** @type {boolean} */ isPaused) {
  state.isPaused = isPaused;
  part("pause").setAttribute("aria-pressed", String(isPaused));
  part("pause").textContent = isPaused ? "Go on" : "Pause";
  if (isPaused) {
    looper.stop();
    video.pause();
  } else if (state.engine !== null) {
    looper.start();
    if (state.source !== "none" && state.source !== "picture") void video.play().catch(() => {});
  }
}

/** Change to another source; figures and means of the one before mean nothing for it. */
async function enter(/** @type {typeof state.source} */ source, /** @type {string} */ words) {
  state.source = source;
  looper.clear();
  if (state.engine !== null) await engine.ask("forget");
  showStage(source === "none" ? "none" : source === "picture" ? "still" : "video");
  showHeat(null);
  showSpeed(looper, false);
  part("source").textContent = words;
  part("pause").toggleAttribute("disabled", source === "none" || source === "picture");
  setPaused(false);
}

async function useCamera(/** @type {{deviceId?: string, facing?: import("./camera.js").Facing}} */ choice) {
  hideError();
  part("source").textContent = "Waiting for the camera: the browser may ask for your permission.";
  release(video);
  try {
    const { stream, label, deviceId, isFront } = await openCamera(choice);
    const [track] = stream.getVideoTracks();
    track.addEventListener("ended", () => lose(choice));
    await enter("camera", label);
    input("mirror").checked = isFront;
    mirror();
    await play(video, stream);
    state.deviceId = deviceId;
    await showDevices();
  } catch (error) {
    await enter("none", "No picture yet.");
    fail(error, () => void useCamera(choice));
  }
}

async function lose(/** @type {Parameters<typeof useCamera>[0]} */ choice) {
  if (state.source !== "camera") return;
  release(video);
  await enter("none", "The camera is gone.");
  fail(new PageError("camera-lost", "the video track ended"), () => void useCamera(choice));
}

async function showDevices() {
  showCameras(await listCameras().catch(() => []), state.deviceId);
}

async function useFile(/** @type {File} */ file) {
  hideError();
  release(video);
  input("mirror").checked = false;
  mirror();
  try {
    if (file.type.startsWith("video/")) {
      await enter("film", file.name);
      await play(video, file);
    } else {
      await usePicture(file);
    }
  } catch (error) {
    await enter("none", "No picture yet.");
    fail(error, null);
  }
}

async function usePicture(/** @type {File} */ file) {
  const shown = await openPicture(file);
  await enter("picture", `${file.name}, ${shown.width} x ${shown.height} px`);
  Object.assign(still, { width: shown.width, height: shown.height });
  still.getContext("2d")?.drawImage(shown, 0, 0);
  shown.close();
  state.picture = file;
  await lookAtPicture();
}

async function lookAtPicture() {
  if (state.picture !== null && state.engine !== null) await looper.take(await openPicture(state.picture));
}

function mirror() {
  part("stage").classList.toggle("mirrored", input("mirror").checked);
}

/** Draw the last answer anew after a setting changed; a moving picture's next frame does it by itself. */
async function changed() {
  for (const id of ["top-k", "threshold", "smooth"]) {
    const { value } = input(id);
    part(`${id}-value`).textContent = id === "threshold" ? `${Math.round(100 * Number(value))} %` : value;
  }
  mirror();
  if (state.engine !== null && (state.isPaused || state.source === "picture")) showAnswer(await engine.ask("show", settings()));
}

function about() {
  const { model, engine: known } = state;
  if (known === null) return;
  const { variant } = known;
  showAbout([
    ["Model", `${model.name}, ${(model.size_bytes / 1e6).toFixed(1)} MB`],
    ["sha256 of the file", model.sha256],
    ["As served", model.served_sha256 === model.sha256 ? "unchanged" : `with another interface: ${known.interface}`],
    ["Preprocessing", known.preprocessingId],
    ["Classes", String(known.classes)],
    ["Engine", `LiteRT.js ${model.litert?.version ?? ""}, ${variant.name} WebAssembly`],
    ["Threads", `${variant.threads}; ${variant.reason}`],
    ["Golden vectors", state.golden],
    ["Works without the server", state.offline],
    ["Page", `edge-effnet ${model.version ?? ""}`],
    .../** @type {[string, string][]} */ ([...known.notes, ...(model.notes ?? [])].map((note) => ["Note", note])),
  ]);
}

async function check() {
  part("golden").textContent = state.golden = "checking";
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

async function benchmark() {
  const button = part("benchmark");
  button.setAttribute("disabled", "");
  button.textContent = "Running";
  const wasPaused = state.isPaused;
  looper.stop();
  try {
    const measured = await engine.ask("benchmark", { warmup: WARMUP_RUNS, runs: RUNS });
    showBenchmark(benchmarkRecord(measured, state.model, state.engine));
  } catch (error) {
    fail(error, null);
  }
  if (!wasPaused) looper.start();
  button.textContent = "Benchmark";
  button.removeAttribute("disabled");
}

let saved = "";
function showBenchmark(/** @type {Record<string, any>} */ record) {
  const text = `${JSON.stringify(record, null, 1)}\n`;
  if (saved) URL.revokeObjectURL(saved);
  saved = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = /** @type {HTMLAnchorElement} */ (part("benchmark-save"));
  link.href = saved;
  part("benchmark-copy").onclick = async () => {
    const done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    part("benchmark-copy").textContent = done ? "Copied" : "Not allowed here: save it";
  };
  part("benchmark-copy").textContent = "Copy JSON";
  part("benchmark-text").textContent = `min ${record.min_ms} ms, p50 ${record.p50_ms} ms, p90 ${record.p90_ms} ms of ${record.runs} runs (${record.input}, ${record.engine.threads} threads)`;
  part("benchmark-result").hidden = false;
}

async function fetched(/** @type {string} */ path) {
  try {
    const answer = await fetch(path);
    if (answer.ok) return answer.arrayBuffer();
    throw new Error(`${path}: ${answer.status}`);
  } catch (error) {
    throw new PageError("network", String(error));
  }
}

/** What the server says, and whether a newer version of everything has just been fetched. */
async function announced() {
  const text = new TextDecoder().decode(await fetched("model.json"));
  state.model = JSON.parse(text);
  part("model-name").textContent = state.model.name;
  const { isOnline, isUpdated } = await lookForUpdate(text);
  part("offline").hidden = isOnline;
  return isUpdated;
}

async function load() {
  if (typeof Worker === "undefined" || typeof WebAssembly === "undefined" || typeof createImageBitmap === "undefined") {
    throw new PageError("old-browser", "no Worker, WebAssembly or createImageBitmap");
  }
  const bytes = await fetched("model.tflite");
  const hash = await sha256(new Uint8Array(bytes));
  if (hash !== null && hash !== state.model.served_sha256) throw new PageError("changed-model", hash);
  const sidecar = state.model.sidecar ? await fetched("contract.json") : null;
  const asked = Number(new URLSearchParams(location.search).get("threads"));
  const request = { bytes, sidecar, base: new URL("litert/", location.href).href, threads: asked || state.model.threads || null };
  state.engine = await engine.load(request, sidecar === null ? [bytes] : [bytes, sidecar]);
}

function ready() {
  const { variant, explains } = state.engine;
  part("engine-name").textContent = `LiteRT.js ${state.model.litert?.version ?? ""}, ${variant.threads} ${variant.threads === 1 ? "thread" : "threads"}`;
  part("engine-name").title = variant.reason;
  input("heat-switch").disabled = !explains;
  part("heat-why").textContent = explains ? "" : "Not with this model: it was exported without --with-features.";
  for (const id of ["check", "benchmark"]) part(id).removeAttribute("disabled");
  about();
}

async function keep() {
  state.offline = await keepForOffline(state.engine.variant.files.map((/** @type {string} */ file) => `litert/${file}`));
  about();
}

function wire() {
  part("start-camera").onclick = () => void useCamera({ facing: state.facing });
  part("flip").onclick = () => {
    state.facing = state.facing === "user" ? "environment" : "user";
    const select = /** @type {HTMLSelectElement} */ (part("camera"));
    const next = select.options[(select.selectedIndex + 1) % select.options.length];
    void useCamera({ deviceId: next?.value });
  };
  part("camera").onchange = () => void useCamera({ deviceId: input("camera").value });
  for (const button of document.querySelectorAll(".open-file")) button.addEventListener("click", () => input("file").click());
  part("file").onchange = () => {
    const [file] = input("file").files ?? [];
    if (file !== undefined) void useFile(file);
    input("file").value = "";
  };
  part("pause").onclick = () => setPaused(!state.isPaused);
  for (const id of ["top-k", "threshold", "smooth", "heat-switch", "mirror"]) part(id).oninput = () => void changed();
  part("check").onclick = () => void check();
  part("benchmark").onclick = () => void benchmark();
  part("notice-again").onclick = () => {
    hideError();
    state.again();
  };
  part("notice-single").onclick = () => location.assign("?threads=1");
  part("notice-close").onclick = hideError;
  navigator.mediaDevices?.addEventListener?.("devicechange", () => void showDevices());
  document.addEventListener("visibilitychange", () => (document.hidden || state.isPaused ? looper.stop() : state.engine && looper.start()));
  watchFrames(video, (time, presented) => looper.frame(time, presented));
  setInterval(async () => {
    if (!document.hidden) part("offline").hidden = (await freshFacts()) !== null;
  }, PULSE_MS);
}

async function start() {
  wire();
  await changed();
  try {
    if (await announced()) {
      location.reload();
      return;
    }
    if (await isAllowed()) void useCamera({ facing: state.facing });
    await load();
  } catch (error) {
    part("model-name").textContent = state.model.name ?? "no model";
    part("golden").textContent = "no model";
    fail(error, () => location.reload());
    return;
  }
  ready();
  if (!state.isPaused) looper.start();
  await check();
  await lookAtPicture();
  await keep();
}

/** For tests, and for whoever is curious in the console: what the page knows, and what the last frame was made of. */
Object.assign(window, {
  edgeEffnet: {
    state,
    /** Copies of the last frame's tensors, in base64: `{number, dtype, input, outputs, probabilities}`; null before the first. */
    async lastFrame() {
      const last = await engine.ask("last");
      if (last === null) return null;
      const packed = (/** @type {Uint8Array | Float32Array} */ values) => base64FromBytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      const dtype = last.input instanceof Uint8Array ? "uint8" : "float32";
      return { number: last.number, dtype, input: packed(last.input), outputs: last.outputs.map(packed), probabilities: packed(last.probabilities) };
    },
    /** Frames looked at so far, and the medians of the last hundred. */
    figures: () => ({ looked: looper.looked, inference: looper.inference.summary(), preprocess: looper.preprocess.summary(), capturedFps: looper.captured.perSecond() }),
  },
});

void start();
