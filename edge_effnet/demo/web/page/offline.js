// The page's end of the service worker: is the server there, is there a new version, does it work without the server.

/** A server on the same network answers at once or not at all. */
const PATIENCE_MS = 3000;
const FACTS = "model.json";

/**
 * Ask the server, past the service worker, what it serves now.
 *
 * @returns {Promise<string | null>} the text of model.json; null if the server cannot be reached
 */
export async function freshFacts() {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(`${FACTS}?fresh`, { cache: "no-store", signal: abort.signal });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** @returns {Promise<{kept: boolean, reason?: string}>} */
function asked(/** @type {ServiceWorker} */ worker, /** @type {object} */ message) {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    worker.postMessage(message, [port2]);
  });
}

/**
 * Fetch a new version, if this page came from an older one.
 *
 * @param {string} facts text of the model.json that this page came with
 * @returns {Promise<{isOnline: boolean, isUpdated: boolean}>} updated: reload to use it
 */
export async function lookForUpdate(facts) {
  const fresh = await freshFacts();
  const worker = navigator.serviceWorker?.controller ?? null;
  if (fresh === null || fresh === facts || worker === null) return { isOnline: fresh !== null, isUpdated: false };
  const { kept } = await asked(worker, { task: "update" });
  return { isOnline: true, isUpdated: kept };
}

/**
 * Keep everything that the page runs on.
 *
 * @param {string} facts text of the model.json that this page came with
 * @param {string[]} runtime files of LiteRT.js that are in use, below the page's folder
 * @returns {Promise<string>} one line for people
 */
export async function keepForOffline(facts, runtime) {
  if (navigator.serviceWorker === undefined) return "no: browsers keep pages of https and localhost only";
  try {
    await navigator.serviceWorker.register("sw.js");
    const { active } = await navigator.serviceWorker.ready;
    const { kept, reason } = await asked(/** @type {ServiceWorker} */ (active), { task: "keep", facts, runtime });
    return kept ? "yes: page, model and engine are kept on this device" : `not yet: ${reason}`;
  } catch (error) {
    return `no: the browser refused (${/** @type {Error} */ (error).message}); a certificate that it does not trust is one reason`;
  }
}
