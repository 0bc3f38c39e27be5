// The page's end of the worker.

import { PageError } from "./errors.js";

/** LiteRT.js may wait for ever for threads that the system does not give. */
const PATIENCE_MS = 60_000;

/** @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiting */

/** A worker that answers questions in turn. */
export class Engine {
  constructor() {
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    this.last = 0;
    this.worker = new Worker(new URL("worker.js", import.meta.url));
    this.worker.addEventListener("message", ({ data }) => this.settle(data));
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.fail(new PageError("engine", event.message || "the worker ended"));
    });
  }

  settle(/** @type {{id: number, result?: any, error?: {code: string, message: string}}} */ { id, result, error }) {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new PageError(error.code, error.message));
  }

  fail(/** @type {Error} */ error) {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  /**
   * Ask for a task of tasks.js.
   *
   * @param {string} task
   * @param {any} [value]
   * @param {Transferable[]} [transfer]
   * @returns {Promise<any>}
   */
  ask(task, value, transfer = []) {
    this.last += 1;
    const id = this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, task, value }, transfer);
    });
  }

  /** Load the model; a worker that does not answer is ended. @param {any} request @param {Transferable[]} transfer */
  async load(request, transfer) {
    const timer = setTimeout(() => {
      this.worker.terminate();
      this.fail(new PageError("engine-stalled", `no answer in ${PATIENCE_MS / 1000} s`));
    }, PATIENCE_MS);
    try {
      return await this.ask("load", request, transfer);
    } finally {
      clearTimeout(timer);
    }
  }
}
