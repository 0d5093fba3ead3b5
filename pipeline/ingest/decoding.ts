import { compileSchema, type WriterSchema } from '../../schemas/avro/decoder.ts';
import type { KeyFormat } from '../../schemas/cures.ts';
import type { RecordFormat, WriterSchemas } from '../../schemas/decode.ts';
import type { Reject } from '../../schemas/events/events.ts';
import { schemaIdOf } from '../../schemas/events/wire-format.ts';
import { cutRecord, describeSizes } from '../../schemas/large-records.ts';
import type { LogRecord, LogRecords, SchemaRegistry } from '../ports.ts';
import type { QuarantinedRecord } from './warehouse.ts';

/** How many schemas are fetched at once. A first batch may name tens of schemas, a corrupt batch thousands. */
const fetchesAtOnce = 8;

/**
 * Finds the Avro schemas that records were written with. Decoding is synchronous and fetching a schema is not, so all
 * schemas of a batch are fetched before its first record is decoded. Each schema is compiled once.
 */
export class SchemaLookup {
  readonly #registry: SchemaRegistry | null;
  readonly #keyFormat: KeyFormat;
  readonly #ready = new Map<number, WriterSchema>();

  constructor(registry: SchemaRegistry | null, keyFormat: KeyFormat) {
    this.#registry = registry;
    this.#keyFormat = keyFormat;
  }

  /**
   * Returns the schemas whose ids these records carry, by id, as far as they exist; null where no registry is configured.
   * Waits while the registry does not answer; rejects when the signal aborts.
   */
  async schemasOf(records: LogRecords, signal: AbortSignal): Promise<WriterSchemas | null> {
    if (this.#registry === null) return null;
    const ids = schemaIdsIn(records, this.#keyFormat);
    await this.#fetch(
      this.#registry,
      [...ids].filter(id => !this.#ready.has(id)),
      signal,
    );
    const found = new Map<number, WriterSchema>();
    for (const id of ids) {
      const schema = this.#ready.get(id);
      if (schema !== undefined) found.set(id, schema);
    }
    return found;
  }

  async #fetch(registry: SchemaRegistry, ids: readonly number[], signal: AbortSignal): Promise<void> {
    const left = ids.values();
    const fetchInTurn = async (): Promise<void> => {
      for (const id of left) {
        const schema = await registry.schemaOf(id, signal);
        if (schema !== null) this.#ready.set(id, compileSchema(schema));
      }
    };
    await Promise.all(Array.from({ length: Math.min(fetchesAtOnce, ids.length) }, fetchInTurn));
  }
}

/** A rejection handler: returns undefined when the signal has aborted, because stopping is no failure; else throws. */
export function unlessAborted(signal: AbortSignal): (error: unknown) => undefined {
  return error => {
    if (!signal.aborted) throw error;
  };
}

function schemaIdsIn(records: LogRecords, keyFormat: KeyFormat): ReadonlySet<number> {
  const ids = new Set<number>();
  for (const { key, value } of records) {
    const valueId = schemaIdOf(value);
    if (valueId !== null) ids.add(valueId);
    const keyId = keyFormat === 'avro' ? schemaIdOf(key) : null;
    if (keyId !== null) ids.add(keyId);
  }
  return ids;
}

/** A rejected record as it is quarantined: of one that is too large, a part and what describes the whole. */
export function quarantined(record: LogRecord, reject: Reject, format: RecordFormat): QuarantinedRecord {
  const schemaId = listedSchemaId(record, format);
  if (reject.reason !== 'TOO_LARGE') return { record, reject, schemaId };
  const message = `${reject.message}; ${describeSizes(record)}`;
  return { record: cutRecord(record), reject: { ...reject, message }, schemaId };
}

/** The schema id that a quarantined record is listed with: its value's, else its key's. */
export function listedSchemaId({ key, value }: LogRecord, { keyFormat, schemas }: RecordFormat): number | null {
  if (schemas === null) return null;
  return schemaIdOf(value) ?? (keyFormat === 'avro' ? schemaIdOf(key) : null);
}
