// The worker: LiteRT.js and all arithmetic, so that the page never waits.
//
// A classic worker, because LiteRT.js fetches its loader by importScripts, which module workers refuse; what it does is
// in the modules that it imports.
"use strict";

const tasks = import("./tasks.js").catch((error) => {
  throw Object.assign(error, { code: "engine" });
});
/** The task at work: one at a time, in the order of asking. */
let turn = Promise.resolve();

async function answer({ id, task, value }) {
  try {
    const { TASKS } = await tasks;
    self.postMessage({ id, result: await TASKS[task](value) });
  } catch (error) {
    self.postMessage({ id, error: { code: error.code ?? "unknown", message: String(error.message ?? error) } });
  }
}

self.addEventListener("message", (event) => {
  turn = turn.then(() => answer(event.data));
});
