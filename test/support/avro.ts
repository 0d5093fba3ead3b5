import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import avro, { type Type } from 'avsc';
import { compileSchema, type WriterSchema } from '../../schemas/avro/decoder.ts';
import { type EventKind, kindSpecs } from '../../schemas/events/events.ts';
import {
  compactJson,
  isJsonObject,
  JsonNumber,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '../../schemas/json/json.ts';
import { parseTimestamp } from '../../schemas/json/timestamps.ts';

export type AvroText = string | object;

/** 64-bit integers, which avsc by itself refuses beyond 2^53. */
const bigLong = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer(value: bigint) {
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (one: bigint, other: bigint) => Number(one - other),
});

/** What writes values of a schema: longs are bigints, unions name their branch. avsc shares no code with our reader. */
export function avroWriter(schema: AvroText): Type {
  const parsed = typeof schema === 'string' ? JSON.parse(schema) : schema;
  return avro.Type.forSchema(parsed, { wrapUnions: true, registry: { long: bigLong } });
}

/** The bytes of a record: zero, the schema's id, the value. */
export function wireBytes(id: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(id, 1);
  return Buffer.concat([head, value]);
}

export function compiled(schema: AvroText, references: readonly AvroText[] = []): WriterSchema {
  const text = (given: AvroText) => (typeof given === 'string' ? given : JSON.stringify(given));
  return compileSchema({ type: 'AVRO', text: text(schema), references: references.map(text) });
}

export const kinds = Object.keys(kindSpecs) as readonly EventKind[];

export function schemaText(kind: EventKind): string {
  return readFileSync(`schemas/avro/${kind}.avsc`, 'utf8');
}

/** Our ten schemas under the ids 1 to 10. */
export const ourSchemas: ReadonlyMap<number, WriterSchema> = new Map(
  kinds.map((kind, index) => [index + 1, compiled(schemaText(kind))]),
);

const writers = new Map(
  kinds.map((kind, index) => [kind as string, { id: index + 1, type: avroWriter(schemaText(kind)) }]),
);

/** The same event under our schemas, or null where Avro cannot say it: a kind, a number or a type that they lack. */
export function asAvro(line: string | Uint8Array): Buffer | null {
  const event = parsedEvent(Buffer.from(line));
  const writer = writers.get(String(event?.get('event')));
  if (event === null || writer === undefined) return null;
  try {
    return wireBytes(writer.id, writer.type.toBuffer(avroValue(writer.type, event, null)));
  } catch {
    return null;
  }
}

function parsedEvent(line: Buffer): JsonObject | null {
  if (!isUtf8(line)) return null;
  try {
    const value = parseJson(line.toString());
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** The value as avsc wants it; throws where the type cannot hold it. */
function avroValue(type: Type, given: JsonValue | undefined, field: string | null): unknown {
  if (avro.Type.isType(type, 'record')) {
    if (!isJsonObject(given)) throw new Error('no object');
    const { fields } = type as avro.types.RecordType;
    return Object.fromEntries(fields.map(({ name, type }) => [name, avroValue(type, given.get(name), name)]));
  }
  if (avro.Type.isType(type, 'union')) {
    const branch = branchOf((type as avro.types.WrappedUnionType).types, given, field);
    return branch.typeName === 'null' ? null : { [branch.branchName!]: avroValue(branch, given, field) };
  }
  if (field === 'extensions' || field === 'value') return compactJson(given!);
  if (field === 'timestamp') return milliseconds(given as string);
  return given instanceof JsonNumber ? integer(given.text) : given;
}

function integer(spelled: string): bigint {
  if (spelled === '-0') throw new Error('Avro has one zero');
  return BigInt(spelled);
}

function milliseconds(text: string): number {
  const instant = parseTimestamp(text);
  if (instant === undefined) throw new Error(`no instant: ${text}`);
  return instant;
}

function branchOf(types: readonly Type[], given: JsonValue | undefined, field: string | null): Type {
  const wanted =
    given === null || given === undefined
      ? 'null'
      : field === 'timestamp' || (given instanceof JsonNumber && field !== 'value')
        ? 'long'
        : 'string';
  if (given === undefined && field === 'value') throw new Error('a value that is absent');
  const branch = types.find(({ typeName }) => typeName.endsWith(wanted));
  if (branch === undefined) throw new Error(`no branch for ${wanted}`);
  return branch;
}
