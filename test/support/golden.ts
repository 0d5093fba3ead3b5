import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { JsonNumber, type JsonObject, type JsonValue, parseJson } from '../../schemas/json/json.ts';

/** What an export of a golden log must give; a request lists only what differs from the defaults. */
export interface GoldenCase {
  readonly request: Readonly<Record<string, string | boolean>>;
  readonly expected: Readonly<
    Record<
      string,
      { readonly rows: number; readonly bytes?: number; readonly sha256?: string; readonly canonical_sha256?: string }
    >
  >;
}

export function goldenPath(file: string): string {
  return path.resolve('test/golden', file);
}

export function readGolden<T>(file: string): T {
  return JSON.parse(readFileSync(goldenPath(file), 'utf8')) as T;
}

/** The lines of a golden log, unpacked where it is packed. */
export function goldenLines(file: string): Buffer[] {
  const bytes = readFileSync(goldenPath(file));
  const content = file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  const lines: Buffer[] = [];
  for (let start = 0; start < content.length; ) {
    const end = content.indexOf(0x0a, start);
    const stop = end < 0 ? content.length : end;
    lines.push(content.subarray(start, stop));
    start = stop + 1;
  }
  return lines;
}

/** The key that goes with an event: its service_id as text. */
export function keyOf(line: Buffer): string {
  const id = (parseJson(line.toString()) as JsonObject).get('service_id');
  return id instanceof JsonNumber ? id.text : String(id);
}

/**
 * JSON services one a line, compact, keys sorted, integers with all digits and other numbers as doubles: the form in
 * which the golden files hash them, so that layout is free.
 */
export function canonicalServices(text: string, format: 'json' | 'ndjson'): string {
  const services = format === 'json' ? parseJson(text) : text.split('\n').filter(Boolean).map(parseJson);
  if (!Array.isArray(services)) throw new Error('a JSON export must be an array');
  return services.map(service => `${canonical(service)}\n`).join('');
}

function canonical(value: JsonValue): string {
  if (value instanceof JsonNumber) return canonicalNumber(value.text);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value instanceof Map) {
    const members = [...value].sort(([one], [other]) => Buffer.compare(bytesOf(one), bytesOf(other)));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

const bytesOfNames = new Map<string, Buffer>();

/** The bytes of a name. Names are few, and each is compared very often. */
function bytesOf(name: string): Buffer {
  const bytes = bytesOfNames.get(name) ?? Buffer.from(name);
  bytesOfNames.set(name, bytes);
  return bytes;
}

function canonicalNumber(text: string): string {
  if (/^-?\d+$/.test(text)) return BigInt(text).toString();
  const double = String(Number(text));
  return /^-?\d+$/.test(double) ? `${double}.0` : double;
}
