// The start of the page: the server's word, the model, the buttons.

import { about, changed, engine, fail, input, looper, run, setPaused, state, video } from "./app.js";
import { base64FromBytes, sha256 } from "./bytes.js";
import { isAllowed, watchFrames } from "./camera.js";
import { benchmark, check } from "./checks.js";
import { PageError } from "./errors.js";
import { freshFacts, keepForOffline, lookForUpdate } from "./offline.js";
import { flip, lookAtPicture, showDevices, useCamera, useFile } from "./sources.js";
import { hideError, part } from "./view.js";

/** How often the server is asked whether it is still there. */
const PULSE_MS = 5_000;

async function fetched(/** @type {string} */ path) {
  try {
    const answer = await fetch(path);
    if (answer.ok) return await answer.arrayBuffer();
    throw new Error(`${path}: ${answer.status}`);
  } catch (error) {
    throw new PageError("network", String(error));
  }
}

/** What the server says; and whether a newer version of everything has just been fetched. */
async function announced() {
  const text = new TextDecoder().decode(await fetched("model.json"));
  state.facts = text;
  state.model = JSON.parse(text);
  part("model-name").textContent = state.model.name;
  const { isOnline, isUpdated } = await lookForUpdate(text);
  part("offline").hidden = isOnline;
  return isUpdated;
}

/** What the page cannot do without; older browsers lack some of it. */
const NEEDED = ["WebAssembly", "createImageBitmap", "OffscreenCanvas", "DecompressionStream"];

async function load() {
  const missing = NEEDED.filter((name) => !(name in globalThis));
  if (missing.length > 0) throw new PageError("old-browser", `it lacks ${missing.join(", ")}`);
  const bytes = await fetched("model.tflite");
  const hash = await sha256(new Uint8Array(bytes));
  if (hash !== null && hash !== state.model.served_sha256) throw new PageError("changed-model", hash);
  const sidecar = state.model.sidecar ? await fetched("contract.json") : null;
  const asked = Math.max(0, Math.trunc(Number(new URLSearchParams(location.search).get("threads")))); // NaN counts as not asked
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
  run();
}

function wireSources() {
  part("start-camera").onclick = () => void useCamera({});
  part("flip").onclick = flip;
  part("camera").onchange = () => void useCamera({ deviceId: input("camera").value });
  for (const button of document.querySelectorAll(".open-file")) button.addEventListener("click", () => input("file").click());
  part("file").onchange = () => {
    const [file] = input("file").files ?? [];
    if (file !== undefined) void useFile(file);
  };
  part("file").onclick = () => (input("file").value = ""); // the same file twice is a change, too
  navigator.mediaDevices?.addEventListener?.("devicechange", () => void showDevices());
}

function wire() {
  wireSources();
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
  document.addEventListener("visibilitychange", run);
  addEventListener("unhandledrejection", ({ reason }) => fail(reason, () => location.reload())); // nothing fails in silence
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
    if (await isAllowed()) void useCamera({});
    await load();
  } catch (error) {
    part("golden").textContent = "no model is running";
    part("heat-why").textContent = "No model is running.";
    fail(error, () => location.reload());
    return;
  }
  ready();
  await check();
  await lookAtPicture();
  state.offline = await keepForOffline(state.facts, state.engine.variant.files.map((/** @type {string} */ file) => `litert/${file}`));
  about();
}

/** A tensor's bytes. */
const packed = (/** @type {Uint8Array | Float32Array} */ values) => base64FromBytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));

/** For tests, and for whoever is curious in the console: what the page knows, and what the last frame was made of. */
Object.assign(window, {
  edgeEffnet: {
    state,
    /** Copies of the last frame's tensors, in base64: `{number, dtype, input, outputs, probabilities}`; null before the first. */
    async lastFrame() {
      const last = await engine.ask("last");
      if (last === null) return null;
      const dtype = last.input instanceof Uint8Array ? "uint8" : "float32";
      return { number: last.number, dtype, input: packed(last.input), outputs: last.outputs.map(packed), probabilities: packed(last.probabilities) };
    },
    /** Frames looked at so far, the medians of the last hundred, and how many a second the source gives. */
    figures: () => ({
      looked: looper.figures.looked,
      inference: looper.figures.inference.summary(),
      preprocess: looper.figures.preprocess.summary(),
      capturedFps: looper.figures.captured.perSecond(),
    }),
  },
});

void start();
