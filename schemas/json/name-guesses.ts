import { type ByteText, sameBytes } from './byte-text.ts';

/** How many names are remembered, so that memory stays bounded. */
const maxKnownNames = 1_000;
/** Longer names of ignored members are not remembered. In UTF-16 units. */
const maxNameLength = 200;

/** The name of a member as compact JSON spells it, with quotes and colon, and the names that recently followed it. */
interface KnownName {
  readonly text: string;
  /** The position of its value among the wanted members; -1 for a member that is ignored. */
  readonly position: number;
  readonly spelled: DataView;
  /** The length of `spelled`, in bytes. */
  readonly length: number;
  likely: KnownName | null;
  lessLikely: KnownName | null;
}

/**
 * Guesses the next member name in an event's object. Producers write members in the same order again and again, and
 * comparing bytes with a guess is much faster than decoding them.
 */
export class NameGuesses {
  /** The predecessor of the first name. */
  readonly start = newName('', -1);
  /** The predecessor of a name that follows one that is not remembered. */
  readonly #other = newName('', -1);
  readonly #known: Map<string, KnownName>;

  /** `wanted` holds the positions of the names whose values are read. */
  constructor(wanted: ReadonlyMap<string, number>) {
    this.#known = new Map(Array.from(wanted, ([text, position]) => [text, newName(text, position)]));
  }

  /** The name at byte `at`, if it is one of those that followed `last` before. */
  guess(last: KnownName, source: ByteText, at: number, end: number): KnownName | null {
    const { likely, lessLikely } = last;
    if (likely !== null && isSpelledAt(likely, source, at, end)) return likely;
    if (lessLikely === null || !isSpelledAt(lessLikely, source, at, end)) return null;
    last.likely = lessLikely;
    last.lessLikely = likely;
    return lessLikely;
  }

  /** Remembers that `text` followed `last`. */
  learn(last: KnownName, text: string): KnownName {
    const name = this.#known.get(text) ?? this.#remember(text);
    if (name === this.#other) return name;
    last.lessLikely = last.likely;
    last.likely = name;
    return name;
  }

  #remember(text: string): KnownName {
    if (this.#known.size > maxKnownNames || text.length > maxNameLength) return this.#other;
    const name = newName(text, -1);
    this.#known.set(text, name);
    return name;
  }
}

function newName(text: string, position: number): KnownName {
  const bytes = new TextEncoder().encode(`${JSON.stringify(text)}:`);
  const spelled = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Bytes are compared four at a time, so the empty name, with its quotes shorter than that, is read like an unknown one.
  const length = bytes.length < 4 ? Number.POSITIVE_INFINITY : bytes.length;
  return { text, position, spelled, length, likely: null, lessLikely: null };
}

function isSpelledAt({ spelled, length }: KnownName, { words }: ByteText, at: number, end: number): boolean {
  return at + length <= end && sameBytes(words, at, spelled, 0, length);
}
