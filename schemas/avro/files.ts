import { kindSpecs } from '../events/events.ts';
import { readSchemaFile } from '../package-files.ts';

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
  return JSON.stringify(JSON.parse(readSchemaFile(`${folder}/${name}.avsc`)));
}
