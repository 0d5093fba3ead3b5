import { isUtf8 } from 'node:buffer';
import type { WriterSchema } from './avro/decoder.ts';
import { AvroSyntaxError } from './avro/reader.ts';
import { badField, type Decoded, decodeMembers, isReject, rejected } from './events/decode-members.ts';
import type { Reject } from './events/events.ts';
import { memberPositions } from './events/field-plan.ts';
import { code, identity } from './events/fields.ts';
import { isWireFormat, schemaIdOf } from './events/wire-format.ts';
import { JsonSyntaxError, type JsonValue, parseJson, parseMembers } from './json/json.ts';
import { JsonBytesReader } from './json/json-bytes.ts';
import { type EventMembers, isJsonValue, show } from './json/members.ts';

/** How a record's key is encoded. An absent key is allowed where there is a value. */
export type KeyFormat = 'string' | 'json' | 'avro';

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
}

/**
 * Decodes one record. A value that begins with the wire format's zero byte is Avro, any other is JSON; a key without a
 * value is a tombstone (`service.deleted`). It never throws, whatever the bytes: for a record that cannot be decoded it
 * returns a Reject with the first reason that holds (contract 1.17).
 */
export function decodeRecord(record: RawRecord, format: RecordFormat): Decoded {
  try {
    const key = readKey(record.key, format);
    const body = record.value === null ? null : readValue(record.value, format.schemas);
    if (key instanceof UnknownSchema) return key.reject('key');
    if (body instanceof UnknownSchema) return body.reject('value');
    if (body === null) return decodeTombstone(key);
    const event = decodeMembers(body, record.timestamp);
    return isReject(event) || key === null || key === event.service_id ? event : keyMismatch(key, event.service_id);
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
    return rejected('UNKNOWN_SCHEMA', null, `the schema registry has no schema ${this.id}, which the ${part} names`);
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
      throw new AvroSyntaxError('the value begins as Avro does, but no schema registry is configured');
    const schema = schemaOf(value, 'value', schemas);
    return schema instanceof UnknownSchema ? schema : schema.members(value);
  }
  const quick = jsonBytes.members(value);
  if (quick !== null) return quick;
  const body = parseMembers(textOf(value, 'value'), memberPositions);
  if (body === null) throw new JsonSyntaxError('the value is JSON but not an object; a JSON object is allowed');
  return body;
}

function schemaOf(bytes: Uint8Array, part: string, schemas: WriterSchemas): WriterSchema | UnknownSchema {
  const id = schemaIdOf(bytes);
  if (id === null)
    throw new AvroSyntaxError(`the ${part} does not begin with a zero byte and a schema id of four bytes`);
  return schemas.get(id) ?? new UnknownSchema(id);
}

function readKey(key: Uint8Array | null, { keyFormat, schemas }: RecordFormat): Key | UnknownSchema {
  if (key === null) return null;
  if (keyFormat === 'string') return utf8(key, 'key');
  if (keyFormat === 'json') return keyText(parseJson(textOf(key, 'key')));
  if (schemas === null) throw new AvroSyntaxError('the key is Avro, but no schema registry is configured');
  const schema = schemaOf(key, 'key', schemas);
  if (schema instanceof UnknownSchema) return schema;
  const read = schema.key(key);
  if (isJsonValue(read)) return keyText(read);
  throw new AvroSyntaxError(`the key is ${show(read)}; allowed are string, int and long`);
}

/** The key as text, read as a service_id is read. */
function keyText(key: JsonValue): Key {
  return key === null ? null : (code.read(key) ?? new UnusableKey(key));
}

function decodeTombstone(key: Key): Decoded {
  if (key === null)
    return rejected('NO_KEY', null, 'the record has neither key nor value, so it is unknown which service to delete');
  if (key === '' || key instanceof UnusableKey) return keyMismatch(key, 'any service_id');
  if (key.includes('\0')) return badField('service_id', key, identity.allowed);
  return { kind: 'service.deleted', service_id: key };
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

function keyMismatch(key: string | UnusableKey, serviceId: string): Reject {
  return rejected(
    'KEY_MISMATCH',
    null,
    `the record's key is ${show(key instanceof UnusableKey ? key.key : key)}, its service_id ${show(serviceId)}; they must be the same`,
  );
}
