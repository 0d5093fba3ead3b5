import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import avro from 'avsc';

/** Frames of key and value, each after its length, for `peers/produce.py`. */
async function writeFrames(file: string, frames: Iterable<readonly [Buffer, Buffer]>): Promise<number> {
  const output = createWriteStream(file, { highWaterMark: 1 << 22 });
  let count = 0;
  for (const parts of frames) {
    for (const part of parts) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      output.write(length);
      if (!output.write(part)) await once(output, 'drain');
    }
    count += 1;
  }
  output.end();
  await once(output, 'close');
  return count;
}

/** The month of calls, as JSON. */
export function writeMonth(file: string): Promise<number> {
  const lines = gunzipSync(readFileSync('test/golden/calls/calls-august.ndjson.gz'))
    .toString('utf8')
    .trimEnd()
    .split('\n');
  return writeFrames(
    file,
    lines.map(
      line => [Buffer.from((JSON.parse(line) as { service_id: string }).service_id), Buffer.from(line)] as const,
    ),
  );
}

/** Services of eight events each, about 270 bytes of Avro an event; `ids` are those of the schemas in the registry. */
export function writeAvro(file: string, events: number, ids: Readonly<Record<string, number>>): Promise<number> {
  const types = Object.fromEntries(
    Object.keys(ids).map(kind => [
      kind,
      avro.Type.forSchema(JSON.parse(readFileSync(`schemas/avro/${kind}.avsc`, 'utf8'))),
    ]),
  );
  return writeFrames(file, avroEvents(events, types, ids));
}

function* avroEvents(
  events: number,
  types: Readonly<Record<string, avro.Type>>,
  ids: Readonly<Record<string, number>>,
): Generator<readonly [Buffer, Buffer]> {
  for (let number = 0; number < events; number += 1) {
    const service = `377-${String(number >> 3).padStart(12, '0')}-93ae-4026-9adc-01fea18978b6`;
    const { kind, fields } = eventOf(number % 8, service);
    const occasion = {
      timestamp: 1_900_000_000_000 + number,
      session_id: `UYO5AV5G2KF3${number % 100_000}`,
      interaction_id: `call-${service}`,
      application_type: '3',
      application_id: '111639426401',
      resource_type: '9',
      resource_id: '0528315290',
      media_type: 'voice',
    };
    const filler = kind === 'service.started' ? {} : { extensions: `{"note":"${'x'.repeat(60)}"}` };
    const head = Buffer.alloc(5);
    head.writeUInt32BE(ids[kind]!, 1);
    const body = types[kind]!.toBuffer({ service_id: service, ...occasion, ...filler, ...fields });
    yield [Buffer.from(service), Buffer.concat([head, body])];
  }
}

function eventOf(step: number, service: string): { readonly kind: string; readonly fields: object } {
  const state = `${service.slice(0, 16)}.${step < 3 ? step : step - 3}`;
  switch (step) {
    case 0:
      return {
        kind: 'service.started',
        fields: { service_type: '9', contact_key: 'K111861477473', est_duration: 692 },
      };
    case 1:
    case 2:
      return { kind: 'state.started', fields: { state_id: state, state_type: String(step) } };
    case 3:
      return { kind: 'task.started', fields: { task_id: `${service}.t`, task_type: 'serve' } };
    case 4:
    case 5:
      return { kind: 'state.completed', fields: { state_id: state, disposition: '7PH0C3M0MF' } };
    case 6:
      return { kind: 'task.completed', fields: { task_id: `${service}.t`, disposition: 'ok' } };
    default:
      return { kind: 'service.completed', fields: { disposition: 'AGENT', disposition_desc: 'served by an agent' } };
  }
}
