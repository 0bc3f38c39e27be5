// Class names from the zip archive that TFLite's own metadata append to a model.
//
// References: APPNOTE.TXT of the zip format, 4.3; TensorFlow Lite metadata, "associated files".

import { unpacked } from "./bytes.js";

const END = 0x06054b50;
const ENTRY = 0x02014b50;
/** 1,000 ImageNet names are 30 kB; a bomb in the archive is not unpacked. */
const MAX_LABELS_BYTES = 4 << 20;
const DEFLATED = 8;

/** @typedef {{name: string, method: number, packedSize: number, size: number, at: number}} Entry */

/** Where the archive's directory ends; -1 if there is none. */
function endOfDirectory(/** @type {DataView} */ view) {
  const lowest = Math.max(0, view.byteLength - 22 - 65535);
  for (let at = view.byteLength - 22; at >= lowest; at -= 1) if (view.getUint32(at, true) === END) return at;
  return -1;
}

/** @returns {Entry[]} */
function entries(/** @type {Uint8Array} */ bytes, /** @type {DataView} */ view) {
  const end = endOfDirectory(view);
  if (end < 0) return [];
  const found = [];
  const directory = view.getUint32(end + 12, true);
  const moved = end - directory - view.getUint32(end + 16, true); // what stands before the archive, if it does not count it
  let at = end - directory;
  for (let left = view.getUint16(end + 10, true); left > 0 && view.getUint32(at, true) === ENTRY; left -= 1) {
    const [nameSize, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameSize));
    const [packedSize, size, place] = [20, 24, 42].map((field) => view.getUint32(at + field, true));
    found.push({ name, method: view.getUint16(at + 10, true), packedSize, size, at: place + moved });
    at += 46 + nameSize + extra + comment;
  }
  return found;
}

async function content(/** @type {Uint8Array} */ bytes, /** @type {DataView} */ view, /** @type {Entry} */ entry) {
  const start = entry.at + 30 + view.getUint16(entry.at + 26, true) + view.getUint16(entry.at + 28, true);
  const packed = bytes.subarray(start, start + entry.packedSize);
  return entry.method === DEFLATED ? unpacked(packed, "deflate-raw", MAX_LABELS_BYTES) : packed;
}

/**
 * Class names kept in the archive behind a model.
 *
 * @param {Uint8Array} bytes the whole .tflite file
 * @param {number} outputs a text of another number of lines is not the list of classes
 * @returns {Promise<string[] | null>} null where there is no such archive or text: names are a convenience
 */
export async function labelsFromArchive(bytes, outputs) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    for (const entry of entries(bytes, view)) {
      if (!entry.name.endsWith(".txt") || entry.size > MAX_LABELS_BYTES) continue;
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await content(bytes, view, entry));
      const names = text.split(/\r\n|\n|\r/).map((line) => line.trim()).filter((line) => line !== "");
      if (names.length === outputs) return names;
    }
  } catch {
    return null; // what follows the flatbuffer is not an archive of ours
  }
  return null;
}
