import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindSpecs } from '../events/events.ts';
import { packageRoot } from '../sql.ts';

/** One of our ten schemas: what producers may write with. */
interface OwnSchema {
  /** The kind of event, which is the record's full name. */
  readonly kind: string;
  readonly text: string;
}

/** The records of a control topic and of a status topic, by their full names. */
export type ControlRecordName = 'control.request' | 'control.status';

/** Reads a schema of `schemas/control`. */
export function readControlSchema(name: ControlRecordName): string {
  return readSchema('control', name);
}

/** Reads the schemas of `schemas/avro`; the same files serve the sources and the compiled package. */
export function readOwnSchemas(): readonly OwnSchema[] {
  return Object.keys(kindSpecs).map(kind => ({ kind, text: readSchema('avro', kind) }));
}

function readSchema(folder: string, name: string): string {
  const text = readFileSync(join(packageRoot(), 'schemas', folder, `${name}.avsc`), 'utf8');
  return JSON.stringify(JSON.parse(text));
}
