import { readFile } from 'node:fs/promises';
import path from 'node:path';
import avro, { type Type } from 'avsc';
import { kindSpecs } from '../../schemas/events/events.ts';
import { packageRoot } from '../../schemas/package-files.ts';
import type { Call } from './calls.ts';

type Encode = (call: Call) => Buffer;

/** Registers Tidemark's schemas for a topic, one subject per kind of event, and returns the encoder of events. */
export async function registerCallSchemas(registryUrl: string, topic: string): Promise<Encode> {
  const writers = new Map<string, { readonly head: Buffer; readonly type: Type }>();
  for (const kind of Object.keys(kindSpecs)) {
    const schema = await readFile(path.join(packageRoot(), `schemas/avro/${kind}.avsc`), 'utf8');
    const head = Buffer.alloc(5);
    head.writeUInt32BE(await register(`${registryUrl}/subjects/${topic}-${kind}/versions`, schema), 1);
    writers.set(kind, { head, type: avro.Type.forSchema(JSON.parse(schema)) });
  }
  return call => {
    const writer = writers.get(call.event);
    if (writer === undefined) throw new Error(`no schema for events of kind ${call.event}`);
    return Buffer.concat([writer.head, writer.type.toBuffer(avroValue(call))]);
  };
}

async function register(url: string, schema: string): Promise<number> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema, schemaType: 'AVRO' }),
  });
  if (!answer.ok) throw new Error(`the registry refused a schema at ${url}: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { id: number }).id;
}

/** The event as its Avro record: the timestamp in milliseconds, extensions as JSON text. */
function avroValue({ event: _, timestamp, extensions, ...rest }: Call): object {
  const text = extensions === undefined ? {} : { extensions: JSON.stringify(extensions) };
  return { ...rest, timestamp: Date.parse(timestamp), ...text };
}
