import { type ByteText, sameBytes } from './byte-text.ts';

/** Longer texts are rarely repeated and are not cached. */
const maxTextBytes = 48;

/**
 * Makes strings of ASCII bytes, and returns the same string object for bytes that it read recently. Ids and codes repeat in
 * record after record; reusing the string saves its memory, its hashing and its flattening. The size is fixed: a text
 * replaces one with the same hash.
 */
export class TextCache {
  readonly #mask: number;
  readonly #texts: string[];
  /** A text of 4 bytes or more has its length as key, and its bytes in `#bytes`. A shorter one has both in its key. */
  readonly #keys: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #words: DataView;

  /** `size` is a power of two. */
  constructor(size: number) {
    this.#mask = size - 1;
    this.#texts = new Array<string>(size).fill('');
    this.#keys = new Int32Array(size);
    this.#bytes = new Uint8Array(size * maxTextBytes);
    this.#words = new DataView(this.#bytes.buffer);
  }

  /** The text of the bytes `[from, to)`, which are ASCII. */
  text(source: ByteText, from: number, to: number): string {
    const length = to - from;
    if (length > maxTextBytes) return source.ascii(from, to);
    if (length < 4) return this.#short(source, from, to);
    const place = hash(source.words, from, to) & this.#mask;
    const start = place * maxTextBytes;
    if (this.#keys[place] === length && sameBytes(this.#words, start, source.words, from, length))
      return this.#texts[place]!;
    this.#bytes.set(source.bytes.subarray(from, to), start);
    return this.#keep(place, length, source.ascii(from, to));
  }

  /** The key of a short text: at least 49, so that it never equals the length of a longer one; 0 stands for no text. */
  #short(source: ByteText, from: number, to: number): string {
    let key = maxTextBytes + 1 + to - from;
    for (let at = from; at < to; at += 1) key = (key << 8) | source.bytes[at]!;
    const place = mix(key) & this.#mask;
    return this.#keys[place] === key ? this.#texts[place]! : this.#keep(place, key, source.ascii(from, to));
  }

  #keep(place: number, key: number, text: string): string {
    this.#keys[place] = key;
    this.#texts[place] = text;
    return text;
  }
}

/** A hash of length, first and last bytes, where ids differ. All bytes are compared afterwards, so collisions are harmless. */
function hash(words: DataView, from: number, to: number): number {
  const end = mix(words.getUint32(to - 4, true) ^ (to - from));
  if (to - from < 8) return end;
  return mix(end ^ words.getUint32(to - 8, true) ^ Math.imul(words.getUint32(from, true), 0x85ebca6b));
}

function mix(bits: number): number {
  const spread = Math.imul(bits, 0x9e3779b1);
  return spread ^ (spread >>> 15);
}
