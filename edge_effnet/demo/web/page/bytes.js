// Small things about bytes.

/** @returns {Uint8Array<ArrayBuffer>} */
export function bytesFromBase64(/** @type {string} */ text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @param {Uint8Array} bytes */
export function base64FromBytes(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}

/**
 * Unpack zlib (`deflate`) or bare deflate (`deflate-raw`).
 *
 * @param {Uint8Array} packed
 * @param {CompressionFormat} format
 * @returns {Promise<Uint8Array>}
 */
export async function unpacked(packed, format) {
  const stream = new Blob([/** @type {BlobPart} */ (packed)]).stream().pipeThrough(new DecompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * The sha256 in hexadecimal.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<string | null>} null where the browser gives no cryptography: on pages that are neither https nor localhost
 */
export async function sha256(bytes) {
  if (globalThis.crypto?.subtle === undefined) return null;
  const digest = await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (bytes));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
