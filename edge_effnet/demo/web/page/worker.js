// The worker: LiteRT.js and all arithmetic, so that the page never waits.
//
// A classic worker, because LiteRT.js fetches its loader by importScripts, which module workers refuse; what it does is
// in the modules that it imports.
"use strict";

const tasks = import("./tasks.js");

self.addEventListener("message", async (event) => {
  const { id, task, value } = event.data;
  try {
    const { TASKS } = await tasks;
    const { result, transfer = [] } = await TASKS[task](value);
    self.postMessage({ id, result }, transfer);
  } catch (error) {
    self.postMessage({ id, error: { code: error.code ?? "unknown", message: String(error.message ?? error) } });
  }
});
