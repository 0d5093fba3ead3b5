/**
 * A strict RFC 8259 parser whose values lose nothing: numbers keep their spelling and members their order (also names like
 * `1`); a repeated name keeps its first place and its last value. `JSON.parse` does none of this, and makes doubles of
 * 64-bit customer numbers.
 */

/** A number as it was spelled. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;

/** The deepest nesting of objects and arrays, the outermost counted (contract 1.15). */
export const maxDepth = 512;

/**
 * Parses one JSON text, which must come from valid UTF-8, so that only an escape can make a lone surrogate. Throws
 * JsonSyntaxError for anything that is not strict JSON, is nested too deeply, or holds a lone surrogate.
 */
export function parseJson(text: string): JsonValue {
  return new JsonReader(text).document();
}

/**
 * Parses a text that should be one object, and returns the values of the members in `wanted`, by their positions there;
 * other members are checked and dropped. Returns null when the text is valid but not an object. Throws as `parseJson` does.
 */
export function parseMembers(text: string, wanted: ReadonlyMap<string, number>): Members | null {
  return new JsonReader(text).members(wanted);
}

/** Values of wanted members by position; undefined where a member is absent. */
type Members = readonly (JsonValue | undefined)[];

/** The value as compact JSON: numbers as spelled, members in their order, strings with the fewest escapes. */
export function compactJson(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.text;
  if (value instanceof Map) {
    const members: string[] = [];
    for (const [name, member] of value) members.push(`${JSON.stringify(name)}:${compactJson(member)}`);
    return `{${members.join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(compactJson).join(',')}]`;
  return JSON.stringify(value);
}

/** True for a JSON object, as opposed to an array or a scalar. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

class JsonReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    this.#skipSpace();
    const value = this.#value();
    this.#end();
    return value;
  }

  members(wanted: ReadonlyMap<string, number>): Members | null {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== 0x7b) {
      this.document();
      return null;
    }
    const members = new Array<JsonValue | undefined>(wanted.size).fill(undefined);
    this.#eachMember((name, value) => {
      const position = wanted.get(name);
      if (position !== undefined) members[position] = value;
    });
    this.#end();
    return members;
  }

  #value(): JsonValue {
    switch (this.#text.charCodeAt(this.#at)) {
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

  #object(): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#eachMember((name, value) => members.set(name, value));
    return members;
  }

  #eachMember(take: (name: string, value: JsonValue) => void): void {
    this.#open();
    for (let first = true; !this.#closes(0x7d, first); first = false) {
      if (this.#text.charCodeAt(this.#at) !== QUOTE) throw this.#unexpected();
      const name = this.#string();
      this.#skipSpace();
      if (this.#text.charCodeAt(this.#at) !== 0x3a) throw this.#unexpected();
      this.#at += 1;
      this.#skipSpace();
      take(name, this.#value());
    }
  }

  #array(): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#open();
    while (!this.#closes(0x5d, items.length === 0)) items.push(this.#value());
    return items;
  }

  #end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected();
  }

  #open(): void {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new JsonSyntaxError(`nested deeper than ${maxDepth} at character ${this.#at}`);
    this.#at += 1;
  }

  /** Passes the closing bracket and returns true, or passes the comma before the next item and returns false. */
  #closes(bracket: number, first: boolean): boolean {
    this.#skipSpace();
    const code = this.#text.charCodeAt(this.#at);
    if (code === bracket) {
      this.#at += 1;
      this.#depth -= 1;
      return true;
    }
    if (first) return false;
    if (code !== 0x2c) throw this.#unexpected();
    this.#at += 1;
    this.#skipSpace();
    return false;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    for (let at = start; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        return text.slice(start, at);
      }
      if (code === BACKSLASH) return this.#escapedString(start - 1, at);
      if (!(code >= 0x20)) throw this.#badString(at);
    }
  }

  /** Strings with escapes are rare: find the end, then let JSON.parse unescape and check the string. */
  #escapedString(start: number, firstEscape: number): string {
    let at = firstEscape;
    for (let code = BACKSLASH; code !== QUOTE; code = this.#text.charCodeAt(at)) {
      if (!(code >= 0x20)) throw this.#badString(at);
      at += code === BACKSLASH ? 2 : 1;
    }
    this.#at = at + 1;
    let value: string;
    try {
      value = JSON.parse(this.#text.slice(start, at + 1)) as string;
    } catch (cause) {
      throw new JsonSyntaxError(`bad escape in the string at character ${start}`, { cause });
    }
    if (!value.isWellFormed()) throw new JsonSyntaxError(`lone surrogate in the string at character ${start}`);
    return value;
  }

  #number(): JsonNumber {
    numberPattern.lastIndex = this.#at;
    const match = numberPattern.exec(this.#text);
    if (match === null) throw this.#unexpected();
    this.#at = numberPattern.lastIndex;
    return new JsonNumber(match[0]);
  }

  #word<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
    return value;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #unexpected(): JsonSyntaxError {
    if (this.#at >= this.#text.length) return new JsonSyntaxError('the JSON text ends too early');
    return new JsonSyntaxError(`unexpected ${JSON.stringify(this.#text.charAt(this.#at))} at character ${this.#at}`);
  }

  #badString(at: number): JsonSyntaxError {
    if (at >= this.#text.length) return new JsonSyntaxError('the JSON text ends within a string');
    return new JsonSyntaxError(`unescaped control character at character ${at}`);
  }
}
