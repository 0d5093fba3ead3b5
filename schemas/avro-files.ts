import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kindSpecs } from './events.ts';
import { packageRoot } from './sql.ts';

/** One of our ten schemas: what producers may write with. */
export interface OwnSchema {
  /** The kind of event, which is the record's full name. */
  readonly kind: string;
  readonly text: string;
}

/** Reads the schemas of `schemas/avro`; the same files serve the sources and the compiled package. */
export function readOwnSchemas(): readonly OwnSchema[] {
  const folder = join(packageRoot(), 'schemas', 'avro');
  return Object.keys(kindSpecs).map(kind => {
    const text = readFileSync(join(folder, `${kind}.avsc`), 'utf8');
    return { kind, text: JSON.stringify(JSON.parse(text)) };
  });
}
