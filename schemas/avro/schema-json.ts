/** Reading the JSON of a schema; each function throws an Error that says what is wrong. */

export type Properties = Readonly<Record<string, unknown>>;

/** Java's Avro allows comments in the JSON of a schema. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // A string or comment without an end reaches to the end, so that the time stays proportional to the length.
    const tokens = /"(?:[^"\\]|\\.)*"?|\/\*.*?(?:\*\/|$)|\/\/[^\n\r]*/gs;
    const plain = text.replace(tokens, token => (token.startsWith('"') ? token : ' '));
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

export function propertiesOf(value: unknown): Properties {
  if (typeof value === 'object' && value !== null) return value as Properties;
  throw new Error(`${shown(value)} stands where a type or field is needed`);
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`${what} are ${shown(value)}, not a list`);
}

export function textsOf(value: unknown, what: string): readonly string[] {
  return listOf(value, what).map(item => textOf(item, `one of ${what}`));
}

export function sizeOf(value: unknown, what: string): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw new Error(`${what} is ${shown(value)}, not a whole number from 0`);
}

export function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`${what} is ${shown(value)}, not a text`);
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value).slice(0, 100);
}
