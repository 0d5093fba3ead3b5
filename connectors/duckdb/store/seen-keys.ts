const blockWords = 16;
const bitsPerKey = 16;
const probes = 8;

/**
 * Tells row keys that were certainly never stored from those that perhaps were: a blocked Bloom filter, one cache line
 * a key, about 0.1 % false positives at 2 bytes a key. It grows by adding filters of doubled size. Only what may have
 * been seen has to be looked for in the tables, so a batch's cost does not grow with what is stored.
 */
export class SeenKeys {
  readonly #filters: { words: Uint32Array; capacity: number; size: number }[] = [];

  constructor(expectedKeys: number) {
    this.#grow(Math.max(expectedKeys * 2, 1 << 20));
  }

  /** Adds the key; true when it was perhaps there before, false when it certainly was not. */
  add(key: number): boolean {
    if (this.has(key)) return true;
    let newest = this.#filters.at(-1)!;
    if (newest.size >= newest.capacity) newest = this.#grow(newest.capacity * 2);
    newest.size += 1;
    visit(newest.words, key, (words, at, bit) => {
      words[at] = words[at]! | bit;
      return true;
    });
    return false;
  }

  has(key: number): boolean {
    return this.#filters.some(({ words }) => visit(words, key, (held, at, bit) => (held[at]! & bit) !== 0));
  }

  #grow(capacity: number): { words: Uint32Array; capacity: number; size: number } {
    const blocks = Math.ceil((capacity * bitsPerKey) / (blockWords * 32));
    const filter = { words: new Uint32Array(blocks * blockWords), capacity, size: 0 };
    this.#filters.push(filter);
    return filter;
  }
}

/** Walks the key's bits within its block while `each` answers true; false as soon as one does not. */
function visit(
  words: Uint32Array,
  key: number,
  each: (words: Uint32Array, at: number, bit: number) => boolean,
): boolean {
  const high = Math.floor(key / 0x100000000);
  const low = key >>> 0;
  const block = (Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> 0) % (words.length / blockWords);
  // 9 bits choose a bit of the block's 512; an odd step makes the probes differ.
  let bits = Math.imul(low, 0xc2b2ae35) ^ high;
  const step = Math.imul(high ^ (low >>> 7), 0x27d4eb2f) | 1;
  for (let probe = 0; probe < probes; probe += 1) {
    const bit = (bits >>> 23) & 511;
    if (!each(words, block * blockWords + (bit >>> 5), 1 << (bit & 31))) return false;
    bits = (bits + step) | 0;
  }
  return true;
}
