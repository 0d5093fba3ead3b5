import { isUtf8 } from 'node:buffer';
import { badField, type Decoded, decodeMembers, isReject, rejected, show } from './decode-object.ts';
import type { Reject } from './events.ts';
import { code, identity } from './fields.ts';
import { compactJson, JsonSyntaxError, type JsonValue, parseJson, parseMembers } from './json.ts';
import { memberPositions } from './places.ts';

/** How a record's key is written. An absent key is allowed where there is a value. */
export type KeyFormat = 'string' | 'json';

/** A record as the log holds it; `timestamp` is the log's own, in milliseconds, null where it keeps none. */
export interface RawRecord {
  readonly timestamp: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/**
 * Decodes one record whose value is JSON, or a tombstone (key without value = `service.deleted`).
 * Never throws on a record, whatever its bytes: what cannot be understood is a Reject with the first reason that holds.
 */
export function decodeJsonRecord(record: RawRecord, keyFormat: KeyFormat): Decoded {
  try {
    const key = readKey(record.key, keyFormat);
    if (record.value === null) return decodeTombstone(key);
    const body = parseMembers(textOf(record.value, 'value'), memberPositions);
    if (body === null) return rejected('MALFORMED', null, 'the value is JSON but no object; a JSON object is allowed');
    const event = decodeMembers(body, record.timestamp);
    return isReject(event) || key === null || key === event.service_id ? event : keyMismatch(key, event.service_id);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return rejected('MALFORMED', null, error.message);
    throw error;
  }
}

function readKey(key: Uint8Array | null, format: KeyFormat): string | null {
  if (key === null) return null;
  if (format === 'string') return utf8(key, 'key');
  const parsed: JsonValue = parseJson(textOf(key, 'key'));
  return parsed === null ? null : (code.read(parsed) ?? compactJson(parsed));
}

function decodeTombstone(key: string | null): Decoded {
  if (key === null) return rejected('NO_KEY', null, 'neither key nor value: nothing says which service to delete');
  if (key === '') return keyMismatch(key, 'any service_id');
  if (key.includes('\0')) return badField('service_id', key, identity.allowed);
  return { kind: 'service.deleted', service_id: key };
}

function textOf(bytes: Uint8Array, what: string): string {
  if (bytes.length === 0) throw new JsonSyntaxError(`the ${what} has no bytes`);
  return utf8(bytes, what);
}

function utf8(bytes: Uint8Array, what: string): string {
  if (!isUtf8(bytes)) throw new JsonSyntaxError(`the ${what} is not UTF-8`);
  // Making a second view of the bytes would cost more than reading them.
  const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.toString('utf8');
}

function keyMismatch(key: string, serviceId: string): Reject {
  return rejected(
    'KEY_MISMATCH',
    null,
    `the record's key is ${show(key)}, its service_id ${show(serviceId)}; they must be the same`,
  );
}
