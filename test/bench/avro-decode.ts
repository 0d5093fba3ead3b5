import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { decodeRecord, type WriterSchemas } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/decode-object.ts';
import { asAvro, ourSchemas } from '../support/avro.ts';
import { describeMachine, median } from './machine.ts';

/** Decoding alone, one thread: the same events as JSON and as Avro, and Avro with 64-bit and with non-ASCII values. */
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

function microseconds(values: readonly Uint8Array[], schemas: WriterSchemas | null): number {
  const began = process.cpuUsage();
  for (const value of values) {
    if (isReject(decodeRecord({ timestamp: null, key: null, value }, { keyFormat: 'string', schemas })))
      throw new Error('rejected');
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / values.length;
}

console.log(`decode, ${describeMachine()}; CPU a record, medians of ${rounds}`);
for (const [name, texts] of Object.entries(lines)) {
  const json = texts.map(text => Buffer.from(text));
  const avro = texts.map(text => asAvro(text)!);
  const times = { json: [] as number[], avro: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    times.json.push(microseconds(json, null));
    times.avro.push(microseconds(avro, ourSchemas));
  }
  const shown = (times: readonly number[]) =>
    `${median(times).toFixed(2)} µs (${Math.round(1e6 / median(times))} events/s)`;
  console.log(`  ${name}: JSON ${shown(times.json)}, Avro ${shown(times.avro)}`);
}
