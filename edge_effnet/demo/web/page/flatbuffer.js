// Flatbuffers whose bytes may be hostile: every place is checked by the DataView itself (outside = RangeError), every count
// against the size of the file before a loop starts, and all that is read is bounded.
//
// References: FlatBuffers, "Internals": tables, vtables and vectors.

/** The file is no usable model; `message` says why in a sentence. */
export class ModelError extends Error {}

export const COPY_AGAIN = "copy or convert the file again";
/** Tables in one file; a network of 7,000 operators has about 30,000. */
const MAX_TABLES = 50_000;

/** One file, and account of what has been read of it. */
export class File {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.tablesLeft = MAX_TABLES;
    // Nothing in an honest file is read twice; the factor leaves room for parts that tools share.
    this.bytesLeft = 4 * bytes.byteLength + 65536;
  }

  u32(/** @type {number} */ at) {
    return this.view.getUint32(at, true);
  }

  /** A vector's first place and length, its length checked against the file. */
  vector(/** @type {number} */ at, /** @type {number} */ width) {
    if (at === 0) return { at: 0, length: 0 };
    const start = at + this.u32(at);
    const length = this.u32(start);
    if (start + 4 + length * width > this.bytes.byteLength) {
      throw new ModelError(`damaged model: it claims ${length} items where ${this.bytes.byteLength} bytes cannot hold them; ${COPY_AGAIN}`);
    }
    this.bytesLeft -= length * width;
    if (this.bytesLeft < 0) {
      throw new ModelError(`damaged model: its parts overlap, together they are several times larger than the file; ${COPY_AGAIN}`);
    }
    return { at: start + 4, length };
  }

  table(/** @type {number} */ at) {
    this.tablesLeft -= 1;
    if (this.tablesLeft < 0) throw new ModelError(`the model has more than ${MAX_TABLES} tensors, operators and buffers: refused`);
    return new Table(this, at);
  }
}

/** One table of it. Absent numbers are 0, absent vectors empty. */
export class Table {
  constructor(/** @type {File} */ file, /** @type {number} */ at) {
    this.file = file;
    this.at = at;
    this.vtable = at - file.view.getInt32(at, true);
    this.size = file.view.getUint16(this.vtable, true);
  }

  /** Where a field lies; 0 if it is absent. */
  place(/** @type {number} */ id) {
    const slot = 4 + 2 * id;
    if (slot + 2 > this.size) return 0;
    const offset = this.file.view.getUint16(this.vtable + slot, true);
    return offset === 0 ? 0 : this.at + offset;
  }

  u32(/** @type {number} */ id) {
    const at = this.place(id);
    return at === 0 ? 0 : this.file.u32(at);
  }

  i32(/** @type {number} */ id) {
    return this.u32(id) | 0;
  }

  u8(/** @type {number} */ id) {
    const at = this.place(id);
    return at === 0 ? 0 : this.file.view.getUint8(at);
  }

  u64(/** @type {number} */ id) {
    const at = this.place(id);
    return at === 0 ? 0 : Number(this.file.view.getBigUint64(at, true));
  }

  table(/** @type {number} */ id) {
    const at = this.place(id);
    return at === 0 ? null : this.file.table(at + this.file.u32(at));
  }

  bytes(/** @type {number} */ id) {
    const { at, length } = this.file.vector(this.place(id), 1);
    return this.file.bytes.subarray(at, at + length);
  }

  text(/** @type {number} */ id) {
    return new TextDecoder().decode(this.bytes(id));
  }

  /** @template T  @returns {T[]} */
  list(/** @type {number} */ id, /** @type {number} */ width, /** @type {(at: number) => T} */ read) {
    const { at, length } = this.file.vector(this.place(id), width);
    return Array.from({ length }, (_, index) => read(at + index * width));
  }

  ints(/** @type {number} */ id) {
    return this.list(id, 4, (at) => this.file.view.getInt32(at, true));
  }

  tables(/** @type {number} */ id) {
    return this.list(id, 4, (at) => this.file.table(at + this.file.u32(at)));
  }
}
