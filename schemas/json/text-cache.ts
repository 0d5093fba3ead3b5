import { type ByteText, sameBytes } from './byte-text.ts';

/** Texts longer than this are rarely met again. */
const longest = 48;

/**
 * Makes strings of ASCII bytes, and gives the same string again for bytes it met not long ago. Events repeat themselves:
 * ids and codes come back in record after record, and a string that exists costs no memory, has its hash, and lies flat.
 * Its size is fixed: a text takes the place of another one with the same hash.
 */
export class TextCache {
  readonly #mask: number;
  readonly #texts: string[];
  /** What each text is known by: its length, and its bytes in `#bytes`; of a short one, length and bytes in one number. */
  readonly #keys: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #words: DataView;

  /** `size` is a power of two. */
  constructor(size: number) {
    this.#mask = size - 1;
    this.#texts = new Array<string>(size).fill('');
    this.#keys = new Int32Array(size);
    this.#bytes = new Uint8Array(size * longest);
    this.#words = new DataView(this.#bytes.buffer);
  }

  /** The text of the bytes `[from, to)`, which are ASCII. */
  text(source: ByteText, from: number, to: number): string {
    const length = to - from;
    if (length > longest) return source.ascii(from, to);
    if (length < 4) return this.#short(source, from, to);
    const place = hash(source.words, from, to) & this.#mask;
    const start = place * longest;
    if (this.#keys[place] === length && sameBytes(this.#words, start, source.words, from, length))
      return this.#texts[place]!;
    this.#bytes.set(source.bytes.subarray(from, to), start);
    return this.#keep(place, length, source.ascii(from, to));
  }

  /** A key of it is no length of a longer one: it is 49 or more, and 0 where there is no text yet. */
  #short(source: ByteText, from: number, to: number): string {
    let key = longest + 1 + to - from;
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

/** Over length, beginning and end: ids differ there, and all bytes are compared anyway. */
function hash(words: DataView, from: number, to: number): number {
  const end = mix(words.getUint32(to - 4, true) ^ (to - from));
  if (to - from < 8) return end;
  return mix(end ^ words.getUint32(to - 8, true) ^ Math.imul(words.getUint32(from, true), 0x85ebca6b));
}

function mix(bits: number): number {
  const spread = Math.imul(bits, 0x9e3779b1);
  return spread ^ (spread >>> 15);
}
