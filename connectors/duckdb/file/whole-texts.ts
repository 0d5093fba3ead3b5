import { createRequire } from 'node:module';

interface Accessors {
  textDecoder: InstanceType<typeof TextDecoder>;
}

/**
 * The client takes U+FEFF at the beginning of a text for a byte-order mark and drops it, so that two ids, or two names of
 * extensions, become one. Has it read every text as it is stored. Throws when the client is not made as we know it.
 */
export function readTextsWhole(): void {
  const accessors = createRequire(import.meta.url)('@duckdb/node-api/lib/vectors/dataAccessors.js') as Accessors;
  if (!(accessors.textDecoder instanceof TextDecoder)) throw new Error('the client of DuckDB reads texts in a new way');
  accessors.textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
}
