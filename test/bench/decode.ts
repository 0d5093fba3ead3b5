import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { decodeRecord, type WriterSchemas } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/events/decode-members.ts';
import { memberPositions } from '../../schemas/events/field-plan.ts';
import { parseMembers } from '../../schemas/json/json.ts';
import { JsonBytesReader } from '../../schemas/json/json-bytes.ts';
import { asAvro, avroWriter, kinds, ourSchemas, schemaText } from '../support/avro.ts';
import { describeMachine, median } from './machine.ts';

/**
 * Decoding alone, one thread: the same events as JSON and as Avro. For both also the first half, from bytes to members: of
 * JSON by the fast reader and by the strict parser, of Avro beside avsc from bytes to objects.
 */
const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const count = 100_000;

const started = (number: number, more: object = {}) => ({
  event: 'service.started',
  service_id: `377-${(number * 7919).toString(16).padStart(16, '0')}`,
  service_type: 'PS',
  customer_id: 640_000 + number,
  contact_key: `K${number}`,
  est_duration: 180,
  timestamp: new Date(1_280_990_000_000 + number * 977).toISOString(),
  session_id: `AA0101${number}`,
  interaction_id: `call-${number}`,
  application_type: 'vru',
  application_id: 'AA02',
  resource_type: 'line',
  resource_id: '04',
  media_type: 'voice',
  ...more,
});

const month = gunzipSync(readFileSync('test/golden/calls/calls-august.ndjson.gz')).toString().split('\n');
const lines: Readonly<Record<string, readonly string[]>> = {
  '13 fields': made(number => started(number)),
  '13 fields, a 64-bit customer': made(number => started(number, { customer_id: undefined })).map((line, number) =>
    line.replace('{', `{"customer_id":${9_007_199_254_740_993n + BigInt(number)},`),
  ),
  '13 fields, three not ASCII': made(number =>
    started(number, { contact_key: `Zürich ${number}`, service_type: 'Größe', media_type: '日本' }),
  ),
  '13 fields and extensions': made(number => started(number, { extensions: { priority: 0, Survey: { rating: 4.5 } } })),
  'the month of calls': month.slice(0, count),
};

function made(event: (number: number) => object): readonly string[] {
  return Array.from({ length: count }, (_, number) => JSON.stringify(event(number)));
}

function microseconds(values: readonly Uint8Array[], decode: (value: Uint8Array) => void): number {
  const began = process.cpuUsage();
  for (const value of values) decode(value);
  const { user, system } = process.cpuUsage(began);
  return (user + system) / values.length;
}

function decodeWith(schemas: WriterSchemas | null): (value: Uint8Array) => void {
  return value => {
    const decoded = decodeRecord({ timestamp: null, key: null, value }, { keyFormat: 'string', schemas });
    if (isReject(decoded)) throw new Error(decoded.message);
  };
}

const jsonBytes = new JsonBytesReader(memberPositions);
const avscTypes = kinds.map(kind => avroWriter(schemaText(kind)));

interface Way {
  readonly encode: (text: string) => Uint8Array;
  readonly decode: (value: Uint8Array) => void;
}

const ways: Readonly<Record<string, Way>> = {
  JSON: { encode: text => Buffer.from(text), decode: decodeWith(null) },
  'JSON, bytes to members by JsonBytesReader': {
    encode: text => Buffer.from(text),
    decode: value => void jsonBytes.members(value),
  },
  'JSON, bytes to members by parseMembers': {
    encode: text => Buffer.from(text),
    decode: value => void parseMembers((value as Buffer).toString(), memberPositions),
  },
  Avro: { encode: text => asAvro(text)!, decode: decodeWith(ourSchemas) },
  'Avro, bytes to members': {
    encode: text => asAvro(text)!,
    decode: value => void ourSchemas.get(value[4]!)!.members(value),
  },
  'avsc, bytes to objects': {
    encode: text => asAvro(text)!,
    decode: value => void avscTypes[value[4]! - 1]!.decode(value as Buffer, 5),
  },
};

console.log(`decode, ${describeMachine()}; CPU a record, medians of ${rounds}`);
for (const [name, texts] of Object.entries(lines)) {
  console.log(`  ${name}`);
  for (const [way, { encode, decode }] of Object.entries(ways)) {
    const values = texts.map(encode);
    const time = median(Array.from({ length: rounds }, () => microseconds(values, decode)));
    console.log(`    ${way}: ${time.toFixed(2)} µs (${Math.round(1e6 / time)} events/s)`);
  }
}
