import { type ByteText, sameBytes } from './byte-text.ts';

/** Of names that nothing is read from, so many are remembered, and none that is longer: memory must not grow with them. */
const mostOthers = 1_000;
const longest = 200;

/** A member's name as a compact JSON text spells it, with its quotes and colon, and what came after it lately. */
interface KnownName {
  readonly text: string;
  /** The position of its value among the wanted members, or -1. */
  readonly position: number;
  readonly spelled: DataView;
  /** Of `spelled`, in bytes. */
  readonly length: number;
  likely: KnownName | null;
  lessLikely: KnownName | null;
}

/**
 * Guesses which member's name comes next in the object of an event. Producers write their members in the same order
 * again and again, and comparing bytes with a guess is far cheaper than finding out what they spell.
 */
export class NameGuesses {
  /** Stands before the first name. */
  readonly start = newName('', -1);
  /** Stands for names that are not remembered. */
  readonly #other = newName('', -1);
  readonly #known: Map<string, KnownName>;

  /** `wanted` gives the positions of the names whose values are read. */
  constructor(wanted: ReadonlyMap<string, number>) {
    this.#known = new Map(Array.from(wanted, ([text, position]) => [text, newName(text, position)]));
  }

  /** The name whose spelling stands at `at`, if it is one of those that came after `last`. */
  guess(last: KnownName, source: ByteText, at: number, end: number): KnownName | null {
    const { likely, lessLikely } = last;
    if (likely !== null && stands(likely, source, at, end)) return likely;
    if (lessLikely === null || !stands(lessLikely, source, at, end)) return null;
    last.likely = lessLikely;
    last.lessLikely = likely;
    return lessLikely;
  }

  /** Takes note that `text` came after `last`. */
  learn(last: KnownName, text: string): KnownName {
    const name = this.#known.get(text) ?? this.#remember(text);
    if (name === this.#other) return name;
    last.lessLikely = last.likely;
    last.likely = name;
    return name;
  }

  #remember(text: string): KnownName {
    if (this.#known.size > mostOthers || text.length > longest) return this.#other;
    const name = newName(text, -1);
    this.#known.set(text, name);
    return name;
  }
}

function newName(text: string, position: number): KnownName {
  const bytes = new TextEncoder().encode(`${JSON.stringify(text)}:`);
  const spelled = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Only four bytes or more can be compared as words: an empty name stands nowhere, and is read like an unknown one.
  const length = bytes.length < 4 ? Number.POSITIVE_INFINITY : bytes.length;
  return { text, position, spelled, length, likely: null, lessLikely: null };
}

function stands({ spelled, length }: KnownName, { words }: ByteText, at: number, end: number): boolean {
  return at + length <= end && sameBytes(words, at, spelled, 0, length);
}
