// What can go wrong, in plain English, with what to do about it.

/** A failure with a code of the table below; `detail` is what the browser or the library said. */
export class PageError extends Error {
  constructor(/** @type {string} */ code, /** @type {string} */ detail) {
    super(detail);
    this.code = code;
  }
}

const RELOAD = "Reload the page. If it comes again, run `edge-effnet inspect MODEL` on the file.";

/** Code -> what happened, what to do. @type {Record<string, [string, string]>} */
const TABLE = {
  "permission-denied": ["The camera is blocked.", "Allow it for this page: the camera or lock symbol beside the address, then try again. A picture or film file works without."],
  "no-camera": ["No camera was found.", "Plug one in, or open a picture or film file."],
  "camera-in-use": ["The camera cannot be read.", "Another program or tab may be using it: close that one, then try again."],
  "camera-lost": ["The camera is gone.", "It was unplugged, switched off or taken by another program. Bring it back, then try again."],
  "camera-gone": ["That camera is not there any more.", "Choose another one in the list."],
  "not-secure": ["This page may not use a camera.", "Browsers give the camera to https and localhost only: start `edge-effnet demo web` with --https, or open a picture or film file."],
  "old-browser": ["This browser is too old for the demo.", "Use a current Chrome, Edge, Firefox or Safari (16.4 or later)."],
  "wrong-model": ["This model cannot be used here.", "Export an image classifier with `edge-effnet convert`, and serve that file."],
  "changed-model": ["The model that arrived is not the one that the server announced.", "Reload the page; if it comes again, start `edge-effnet demo web` anew."],
  "compile": ["LiteRT.js cannot run this model.", "It may use operators that LiteRT.js lacks. `edge-effnet inspect MODEL` lists them; see what it says below."],
  "engine": ["LiteRT.js did not load.", "Reload the page. On a phone with little memory, close other tabs first. Blockers of scripts or WebAssembly stop it, too."],
  "engine-stalled": ["LiteRT.js does not answer.", "Try it with one thread, which takes less memory."],
  "inference": ["The model stopped in the middle of a picture.", RELOAD],
  "picture": ["This file cannot be shown.", "The browser cannot decode it. Take a JPEG, PNG or WebP picture, or an MP4 (H.264) or WebM film."],
  "picture-size": ["This picture is too large.", "At most 64 million pixels: scale it down first."],
  "network": ["The server cannot be reached.", "Start `edge-effnet demo web` again, or come back to its network, then reload."],
  "unknown": ["Something unexpected went wrong.", RELOAD],
};

/** Name of an exception of getUserMedia -> code. @type {Record<string, string>} */
const CAMERA_CODES = {
  NotAllowedError: "permission-denied",
  SecurityError: "permission-denied",
  NotFoundError: "no-camera",
  NotReadableError: "camera-in-use",
  AbortError: "camera-in-use",
  OverconstrainedError: "camera-gone",
};

/** @returns {PageError} */
export function cameraError(/** @type {unknown} */ error) {
  if (error instanceof PageError) return error;
  const { name = "", message = String(error) } = /** @type {Partial<Error>} */ (error ?? {});
  return new PageError(CAMERA_CODES[name] ?? "unknown", `${name}: ${message}`);
}

/**
 * The sentences for a failure.
 *
 * @param {unknown} error
 * @returns {{code: string, what: string, remedy: string, detail: string}}
 */
export function explained(error) {
  const { code = "unknown", message = String(error) } = /** @type {{code?: string, message?: string}} */ (error ?? {});
  const known = code in TABLE ? code : "unknown";
  const [what, remedy] = TABLE[known];
  return { code: known, what, remedy, detail: message };
}
