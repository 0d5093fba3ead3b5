import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindSpecs } from '../events/events.ts';
import { packageRoot } from '../sql.ts';

/** One of Tidemark's ten schemas, which producers may use. */
interface OwnSchema {
  /** The kind of event; it is the full name of the record type. */
  readonly kind: string;
  readonly text: string;
}

/** The full names of the record types of control topic and status topic. */
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
