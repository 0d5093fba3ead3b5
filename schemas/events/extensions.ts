import { compactJson, isJsonObject, JsonNumber, type JsonValue } from '../json/json.ts';

/**
 * One extension as a row stores it: its value as compact JSON, and flattened, so that no later step parses JSON again
 * (DuckDB's parser would change the spelling of numbers: 1.50 becomes 1.5).
 */
export interface StoredExtension {
  readonly name: string;
  readonly json: string;
  /** Dotted paths of the scalars inside, in order; null, {} and [] give no path. */
  readonly paths: readonly string[];
  /** The texts of these scalars, in the order of `paths`. */
  readonly texts: readonly string[];
}

export function storedExtension(name: string, value: JsonValue): StoredExtension {
  const paths: string[] = [];
  const texts: string[] = [];
  flatten(name, value, (path, text) => {
    paths.push(path);
    texts.push(text);
  });
  return { name, json: compactJson(value), paths, texts };
}

function flatten(path: string, value: JsonValue, emit: (path: string, text: string) => void): void {
  if (value === null) return;
  if (isJsonObject(value)) {
    for (const [name, member] of value) flatten(`${path}.${name}`, member, emit);
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) flatten(`${path}.${index}`, item, emit);
  } else {
    emit(path, value instanceof JsonNumber ? value.text : String(value));
  }
}
