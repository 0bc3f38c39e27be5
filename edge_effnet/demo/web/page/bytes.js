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

/** Of one packed part; the input of a model of 4,096 px in float32 is 201 MB. */
const MAX_UNPACKED_BYTES = 256 << 20;

/**
 * Unpack zlib (`deflate`) or bare deflate (`deflate-raw`).
 *
 * @param {Uint8Array} packed
 * @param {CompressionFormat} format
 * @param {number} [most] bytes; nothing beyond them is unpacked
 * @returns {Promise<Uint8Array>}
 * @throws {RangeError} there are more
 */
export async function unpacked(packed, format, most = MAX_UNPACKED_BYTES) {
  const reader = new Blob([/** @type {BlobPart} */ (packed)]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  /** @type {BlobPart[]} */
  const pieces = [];
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > most) {
      await reader.cancel();
      throw new RangeError(`more than ${most} bytes when unpacked`);
    }
    pieces.push(next.value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
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
