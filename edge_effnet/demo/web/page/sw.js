// The service worker: after the first load the page works without its server.
//
// All files of a version (page, model, LiteRT.js) are in one cache; a second, tiny one says which cache is in use. Two
// versions are the same exactly when their model.json is: it has the hashes of model and page. A new version is fetched whole
// into a cache of its own before it is switched to, so that versions never mix and nothing is lost half-way.
"use strict";

const PREFIX = "edge-effnet ";
const INDEX = `${PREFIX}index`;
const CURRENT = new URL("current", self.registration.scope).href;
const FACTS = "model.json";
const PAGE = [
  "./", "app.js", "archive.js", "benchmark.js", "bytes.js", "cam.js", "camera.js", "checks.js", "contract.js",
  "decoding.js", "engine.js", "errors.js", "flatbuffer.js", "golden.js", "icon-192.png", "icon-512.png",
  "icon-maskable-512.png", "icon.svg", "looper.js", "main.js", "manifest.webmanifest", "offline.js", "resize.js",
  "runtime.js", "scores.js", "session.js", "sources.js", "stats.js", "style.css", "tasks.js", "tensor.js",
  "tflite.js", "view.js", "weights.js", "worker.js", FACTS, "model.tflite", "litert/core/index.js",
  "litert/wasm-utils/index.js",
];

// It does not claim the page that is open already: Firefox would wait for that page's threads, which never answer, and hold
// up every request until it gave the worker up. The next load is its first.
self.addEventListener("install", () => self.skipWaiting());

/** Name of the cache in use and the runtime files in it; null before the first. */
async function current() {
  const index = await caches.open(INDEX);
  const found = await index.match(CURRENT);
  return found === undefined ? null : found.json();
}

/** Fetch one file past the browser's own cache, unless that one is still valid. */
async function fetched(path) {
  const answer = await fetch(new Request(path, { cache: "no-cache" }));
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return answer;
}

async function sha256(answer) {
  const digest = await crypto.subtle.digest("SHA-256", await answer.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Fetch a whole version and switch to it. */
async function keep(facts, runtime) {
  const name = `${PREFIX}${Date.now()}`;
  const cache = await caches.open(name);
  try {
    const { sidecar, served_sha256: hash } = JSON.parse(facts);
    for (const path of [...PAGE, ...runtime, ...(sidecar ? ["contract.json"] : [])]) await cache.put(path, await fetched(path));
    if ((await sha256(await cache.match("model.tflite"))) !== hash) throw new Error("the model is not the one announced");
    if ((await (await fetched(FACTS)).text()) !== facts) throw new Error("the server changed meanwhile");
  } catch (error) {
    await caches.delete(name);
    throw error;
  }
  await (await caches.open(INDEX)).put(CURRENT, new Response(JSON.stringify({ name, runtime, facts })));
  await dropOthers(name);
}

async function dropOthers(name) {
  const names = await caches.keys();
  await Promise.all(names.filter((other) => other.startsWith(PREFIX) && other !== INDEX && other !== name).map((other) => caches.delete(other)));
}

const TASKS = {
  /** Keep what the page runs on: `facts` is the model.json that it came with, `runtime` what it uses of LiteRT.js. */
  async keep({ facts, runtime }) {
    const before = await current();
    if (before?.facts !== facts) await keep(facts, runtime);
    else if (runtime.some((file) => !before.runtime.includes(file))) await keep(facts, [...new Set([...before.runtime, ...runtime])]);
  },

  /** Fetch what the server has now. */
  async update() {
    const before = await current();
    await keep(await (await fetched(FACTS)).text(), before?.runtime ?? []);
  },
};

async function answered({ task, ...value }) {
  try {
    await TASKS[task](value);
    return { kept: true };
  } catch (error) {
    return { kept: false, reason: String(error.message ?? error) };
  }
}

self.addEventListener("message", (event) => {
  event.waitUntil(answered(event.data).then((answer) => event.ports[0].postMessage(answer)));
});

/** From the version in use; what it does not have (model.json?fresh, for one) from the server. */
async function served(request) {
  const index = await current();
  const options = { ignoreVary: true, ignoreSearch: request.mode === "navigate" }; // ?threads=1 is the same page
  const found = index === null ? undefined : await (await caches.open(index.name)).match(request, options);
  return found ?? fetch(request);
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  event.respondWith(served(request));
});
