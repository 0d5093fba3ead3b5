/** Views of one buffer: by byte, by four bytes, and as text. Positions count from the start of the buffer. */
export class ByteText {
  readonly bytes: Uint8Array;
  readonly words: DataView;
  readonly #text: Buffer;

  constructor(buffer: ArrayBufferLike) {
    this.bytes = new Uint8Array(buffer);
    this.words = new DataView(buffer);
    this.#text = Buffer.from(buffer);
  }

  ascii(from: number, to: number): string {
    return this.#text.toString('latin1', from, to);
  }

  utf8(from: number, to: number): string {
    return this.#text.toString('utf8', from, to);
  }
}

/** True when the `length` bytes at `at` equal those at `otherAt`. At least 4 bytes, and both ranges within their buffers. */
export function sameBytes(words: DataView, at: number, other: DataView, otherAt: number, length: number): boolean {
  const last = length - 4;
  for (let index = 0; index < last; index += 4)
    if (words.getUint32(at + index, true) !== other.getUint32(otherAt + index, true)) return false;
  return words.getUint32(at + last, true) === other.getUint32(otherAt + last, true);
}
