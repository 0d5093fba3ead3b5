import { isUtf8 } from 'node:buffer';
import type { WriterSchema } from './avro/decoder.ts';
import { AvroSyntaxError } from './avro/reader.ts';
import { cureOfKey, cureOfMismatch, cureOfUnknownSchema, cureOfValue, type KeyFormat } from './cures.ts';
import { badField, type Decoded, decodeMembers, isReject, rejected } from './events/decode-members.ts';
import type { Reject } from './events/events.ts';
import { memberPositions } from './events/field-plan.ts';
import { code, identity } from './events/fields.ts';
import { isWireFormat, schemaIdOf } from './events/wire-format.ts';
import { JsonSyntaxError, type JsonValue, parseJson, parseMembers } from './json/json.ts';
import { JsonBytesReader } from './json/json-bytes.ts';
import { type EventMembers, isJsonValue, show } from './json/members.ts';

/** A record as the log holds it; `timestamp` is the log's own, in milliseconds, null where it keeps none. */
interface RawRecord {
  readonly timestamp: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** Writers' schemas by id, for the ids that the records to decode carry. The registry has no schema for any other id. */
export type WriterSchemas = ReadonlyMap<number, WriterSchema>;

export interface RecordFormat {
  readonly keyFormat: KeyFormat;
  /** Null where no schema registry is configured: then every value is JSON. */
  readonly schemas: WriterSchemas | null;
  /** How many bytes key and value may have together; absent: any number. */
  readonly maxRecordBytes?: number | undefined;
}

/**
 * Decodes one record. A value that begins with the wire format's zero byte is Avro, any other is JSON; a key without a
 * value is a tombstone (`service.deleted`). It never throws, whatever the bytes: for a record that cannot be decoded it
 * returns a Reject with the first reason that holds (contract 1.17).
 */
export function decodeRecord(record: RawRecord, format: RecordFormat): Decoded {
  const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
  if (format.maxRecordBytes !== undefined && bytes > format.maxRecordBytes) {
    const allowed = `max_record_bytes allows ${format.maxRecordBytes}`;
    return rejected('TOO_LARGE', null, `key and value have ${bytes} bytes together; ${allowed}`);
  }
  try {
    const key = record.key === null ? null : readKey(record.key, format);
    const body = record.value === null ? null : readValue(record.value, format.schemas);
    if (key instanceof UnknownSchema) return key.reject('key');
    if (body instanceof UnknownSchema) return body.reject('value');
    if (body === null) return decodeTombstone(key, record.key, format.keyFormat);
    const event = decodeMembers(body, record.timestamp);
    if (isReject(event) || key === null || key === event.service_id) return event;
    const cure =
      key === ''
        ? '; send no key at all, or this one'
        : cureOfMismatch(record.key!, event.service_id, format.keyFormat);
    return keyMismatch(
      `the record's key is ${shownKey(key)}, its service_id ${show(event.service_id)}; they must be the same${cure}`,
    );
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof AvroSyntaxError) {
      return rejected('MALFORMED', null, error.message);
    }
    throw error;
  }
}

/** How a rejected record may show that the configuration does not fit the log, rather than that its producer is wrong. */
export type Misfit = 'no registry' | 'unknown schema' | 'unreadable key' | 'key mismatch';

/** Says whether a rejected record seems not to fit the configuration, and how; null where its producer is at fault. */
export function misfitOf(record: RawRecord, { reason }: Reject, format: RecordFormat): Misfit | null {
  if (reason === 'UNKNOWN_SCHEMA') return 'unknown schema';
  if (reason === 'KEY_MISMATCH') return 'key mismatch';
  if (reason !== 'MALFORMED') return null;
  if (format.schemas === null && record.value !== null && isWireFormat(record.value)) return 'no registry';
  return isReadable(record.key, format) ? null : 'unreadable key';
}

function isReadable(key: Uint8Array | null, format: RecordFormat): boolean {
  if (key === null) return true;
  try {
    readKey(key, format);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof AvroSyntaxError) return false;
    throw error;
  }
}

/** A schema id that the registry does not have. A value, not an exception: a malformed key or value has precedence. */
class UnknownSchema {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  reject(part: 'key' | 'value'): Reject {
    const problem = `the schema registry has no schema ${this.id}, which the ${part} names`;
    return rejected('UNKNOWN_SCHEMA', null, `${problem}${cureOfUnknownSchema}`);
  }
}

/** A key that cannot be a service_id. A value, not an exception: every other fault of the record has precedence. */
class UnusableKey {
  readonly key: JsonValue;

  constructor(key: JsonValue) {
    this.key = key;
  }
}

/** A decoded key; null where there is none. */
type Key = string | UnusableKey | null;

/** Caches texts between records; its result depends on the record alone. */
const jsonBytes = new JsonBytesReader(memberPositions);

function readValue(value: Uint8Array, schemas: WriterSchemas | null): EventMembers | UnknownSchema {
  if (isWireFormat(value)) {
    if (schemas === null)
      throw new AvroSyntaxError(
        'the value begins as Avro does, but no schema registry is configured; set registry_url',
      );
    const schema = schemaOf(value, 'value', schemas);
    return schema instanceof UnknownSchema ? schema : schema.members(value);
  }
  const quick = jsonBytes.members(value);
  if (quick !== null) return quick;
  let body: EventMembers | null;
  try {
    body = parseMembers(textOf(value, 'value'), memberPositions);
  } catch (error) {
    throw withCure(error, cureOfValue(value, schemas !== null));
  }
  if (body === null) throw new JsonSyntaxError('the value is JSON but not an object; a JSON object is allowed');
  return body;
}

/** The error for bytes that cannot be decoded, with a cure in its message. */
function withCure(error: unknown, cure: string): unknown {
  if (error instanceof JsonSyntaxError || error instanceof AvroSyntaxError) error.message += cure;
  return error;
}

function schemaOf(bytes: Uint8Array, part: string, schemas: WriterSchemas): WriterSchema | UnknownSchema {
  const id = schemaIdOf(bytes);
  if (id === null)
    throw new AvroSyntaxError(`the ${part} does not begin with a zero byte and a schema id of four bytes`);
  return schemas.get(id) ?? new UnknownSchema(id);
}

function readKey(key: Uint8Array, format: RecordFormat): Key | UnknownSchema {
  try {
    return decodeKey(key, format);
  } catch (error) {
    throw withCure(error, cureOfKey(key, format.keyFormat));
  }
}

function decodeKey(key: Uint8Array, { keyFormat, schemas }: RecordFormat): Key | UnknownSchema {
  if (keyFormat === 'string') return utf8(key, 'key');
  if (keyFormat === 'json') return keyText(parseKey(textOf(key, 'key')));
  if (schemas === null)
    throw new AvroSyntaxError('key_format is avro, but no schema registry is configured; set registry_url');
  const schema = schemaOf(key, 'key', schemas);
  if (schema instanceof UnknownSchema) return schema;
  const read = schema.key(key);
  if (isJsonValue(read)) return keyText(read);
  throw new AvroSyntaxError(`the key is ${show(read)}; allowed are string, int and long`);
}

function parseKey(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    throw error instanceof JsonSyntaxError ? new JsonSyntaxError(`the key is not JSON: ${error.message}`) : error;
  }
}

/** The key as text, read as a service_id is read. */
function keyText(key: JsonValue): Key {
  return key === null ? null : (code.read(key) ?? new UnusableKey(key));
}

function decodeTombstone(key: Key, bytes: Uint8Array | null, format: KeyFormat): Decoded {
  const unknown = 'so it is unknown which service to delete';
  const cure = 'the key must be its service_id';
  if (key === null) return rejected('NO_KEY', null, `the record has neither key nor value, ${unknown}; ${cure}`);
  if (key === '') return keyMismatch(`the record has no value and its key is empty, ${unknown}; ${cure}`);
  if (key instanceof UnusableKey) {
    const given = `the record has no value and its key is ${shownKey(key)}, ${unknown}`;
    return keyMismatch(`${given}; ${cure}: ${code.allowed}${cureOfKey(bytes!, format)}`);
  }
  if (!key.includes('\0')) return { kind: 'service.deleted', service_id: key };
  return badField('service_id', key, `${identity.allowed}${cureOfKey(bytes!, format)}`);
}

function textOf(bytes: Uint8Array, what: string): string {
  if (bytes.length === 0) throw new JsonSyntaxError(`the ${what} has no bytes`);
  return utf8(bytes, what);
}

function utf8(bytes: Uint8Array, what: string): string {
  if (!isUtf8(bytes)) throw new JsonSyntaxError(`the ${what} is not UTF-8`);
  // Making a second view of the bytes would take longer than reading them.
  const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.toString('utf8');
}

function shownKey(key: string | UnusableKey): string {
  return show(key instanceof UnusableKey ? key.key : key);
}

function keyMismatch(message: string): Reject {
  return rejected('KEY_MISMATCH', null, message);
}
