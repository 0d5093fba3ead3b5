import { isUtf8 } from 'node:buffer';
import { ByteText } from './byte-text.ts';
import { JsonNumber, type JsonValue } from './json.ts';
import type { EventMembers, Member } from './members.ts';
import { NameGuesses } from './name-guesses.ts';
import { TextCache } from './text-cache.ts';
import { parseUsualTimestamp, usualTimestampBytes } from './timestamps.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** 1 for each byte that may stand in a string as it is: no quote, no backslash, no control character. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);
/** Deeper nesting is left to `parseMembers`, which counts exactly. */
const deepest = 64;

/** Thrown to fall back to `parseMembers`, which words the error. */
const fallBack = new Error('read by parseMembers');

/**
 * Reads an event's JSON object straight from its bytes, which takes half the time of making a text first; strings that it
 * read before are reused. Its results equal those of `parseMembers`. For anything unusual, and for every fault, the caller
 * falls back to `parseMembers`.
 */
export class JsonBytesReader {
  readonly #names: NameGuesses;
  readonly #wantedCount: number;
  readonly #timestamp: number;
  readonly #texts = new TextCache(1 << 15);
  #buffer: ArrayBufferLike = new ArrayBuffer(0);
  #source = new ByteText(this.#buffer);
  #bytes: Uint8Array = this.#source.bytes;
  #at = 0;
  #end = 0;
  #depth = 0;
  #isAscii = true;

  /** `wanted` holds the positions of the members to read; a `timestamp` in the usual spelling becomes its instant. */
  constructor(wanted: ReadonlyMap<string, number>) {
    this.#names = new NameGuesses(wanted);
    this.#wantedCount = wanted.size;
    this.#timestamp = wanted.get('timestamp') ?? -1;
  }

  /** The wanted members by their positions; null where `parseMembers` has to be used. */
  members(record: Uint8Array): EventMembers | null {
    this.#read(record);
    try {
      const members = this.#document();
      return this.#isAscii || isUtf8(record) ? members : null;
    } catch (error) {
      if (error === fallBack) return null;
      throw error;
    }
  }

  /** The records of a batch mostly share one buffer, so its views are made only when the buffer changes. */
  #read(record: Uint8Array): void {
    const { buffer } = record;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#source = new ByteText(buffer);
      this.#bytes = this.#source.bytes;
    }
    this.#at = record.byteOffset;
    this.#end = record.byteOffset + record.length;
    this.#depth = 0;
    this.#isAscii = true;
  }

  #document(): EventMembers {
    const members = new Array<Member | undefined>(this.#wantedCount);
    let last = this.#names.start;
    this.#skipSpace();
    this.#open(0x7b);
    for (let first = true; !this.#closes(0x7d, first); first = false) {
      const name = this.#names.guess(last, this.#source, this.#at, this.#end);
      if (name === null) last = this.#names.learn(last, this.#name());
      else {
        last = name;
        this.#at += name.length;
        this.#skipSpace();
      }
      const { position } = last;
      const value = (position === this.#timestamp ? this.#instant() : undefined) ?? this.#value();
      if (position >= 0) members[position] = value;
    }
    // Bytes beyond the record's end belong to another record.
    if (this.#at > this.#end) throw fallBack;
    this.#skipSpace();
    if (this.#at < this.#end) throw fallBack;
    return members;
  }

  #value(): JsonValue {
    switch (this.#bytes[this.#at]) {
      case QUOTE:
        return this.#string();
      case 0x7b: // {
        return this.#object();
      case 0x5b: // [
        return this.#array();
      case 0x74: // t
        return this.#word('true', true);
      case 0x66: // f
        return this.#word('false', false);
      case 0x6e: // n
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(): JsonValue {
    const members = new Map<string, JsonValue>();
    this.#open(0x7b);
    for (let first = true; !this.#closes(0x7d, first); first = false) members.set(this.#name(), this.#value());
    return members;
  }

  #array(): JsonValue {
    const items: JsonValue[] = [];
    this.#open(0x5b);
    while (!this.#closes(0x5d, items.length === 0)) items.push(this.#value());
    return items;
  }

  #open(bracket: number): void {
    this.#depth += 1;
    if (this.#bytes[this.#at] !== bracket || this.#depth > deepest) throw fallBack;
    this.#at += 1;
  }

  /** Passes the closing bracket and returns true, or passes the comma before the next item and returns false. */
  #closes(bracket: number, first: boolean): boolean {
    this.#skipSpace();
    const byte = this.#bytes[this.#at];
    if (byte === bracket) {
      this.#at += 1;
      this.#depth -= 1;
      return true;
    }
    if (first) return false;
    if (byte !== 0x2c) throw fallBack;
    this.#at += 1;
    this.#skipSpace();
    return false;
  }

  /** Reads the name of a member and its colon. */
  #name(): string {
    if (this.#bytes[this.#at] !== QUOTE) throw fallBack;
    const name = this.#string();
    this.#skipSpace();
    if (this.#bytes[this.#at] !== 0x3a) throw fallBack;
    this.#at += 1;
    this.#skipSpace();
    return name;
  }

  #string(): string {
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let at = from;
    let union = 0;
    for (let byte = bytes[at]!; isPlain[byte] === 1; byte = bytes[at]!) {
      union |= byte;
      at += 1;
    }
    if (bytes[at] === BACKSLASH) return this.#escapedString(from - 1, at);
    if (bytes[at] !== QUOTE || at >= this.#end) throw fallBack;
    this.#at = at + 1;
    if (union <= 0x7f) return this.#texts.text(this.#source, from, at);
    this.#isAscii = false;
    return this.#source.utf8(from, at);
  }

  /** Strings with escapes are rare: find the end, then let JSON.parse unescape and check the string. */
  #escapedString(start: number, firstEscape: number): string {
    let at = firstEscape;
    for (let byte = BACKSLASH; byte !== QUOTE; byte = this.#bytes[at]!) {
      at += byte === BACKSLASH ? 2 : 1;
      if (at >= this.#end) throw fallBack;
    }
    this.#at = at + 1;
    this.#isAscii = false;
    let value: string;
    try {
      value = JSON.parse(this.#source.utf8(start, at + 1)) as string;
    } catch {
      throw fallBack;
    }
    if (!value.isWellFormed()) throw fallBack;
    return value;
  }

  /** Undefined where the value is not in the usual spelling; it is then read like any other value. */
  #instant(): number | undefined {
    const after = this.#at + 1 + usualTimestampBytes;
    if (this.#bytes[this.#at] !== QUOTE || this.#bytes[after] !== QUOTE) return undefined;
    const instant = parseUsualTimestamp(this.#bytes, this.#at + 1);
    if (instant !== undefined) this.#at = after + 1;
    return instant;
  }

  #number(): JsonNumber {
    const bytes = this.#bytes;
    const from = this.#at;
    if (bytes[this.#at] === 0x2d) this.#at += 1;
    if (bytes[this.#at] === 0x30) this.#at += 1;
    else this.#digits();
    if (bytes[this.#at] === 0x2e) {
      this.#at += 1;
      this.#digits();
    }
    if (bytes[this.#at] === 0x65 || bytes[this.#at] === 0x45) {
      this.#at += 1;
      if (bytes[this.#at] === 0x2b || bytes[this.#at] === 0x2d) this.#at += 1;
      this.#digits();
    }
    return new JsonNumber(this.#texts.text(this.#source, from, this.#at));
  }

  #digits(): void {
    const from = this.#at;
    while (this.#bytes[this.#at]! >= 0x30 && this.#bytes[this.#at]! <= 0x39) this.#at += 1;
    if (this.#at === from) throw fallBack;
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    for (let index = 0; index < word.length; index += 1)
      if (this.#bytes[this.#at + index] !== word.charCodeAt(index)) throw fallBack;
    this.#at += word.length;
    return value;
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at += 1;
    }
  }
}
