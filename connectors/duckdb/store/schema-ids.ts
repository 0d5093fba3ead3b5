import type { DuckDBConnection } from '@duckdb/node-api';
import type { BatchFacts } from '../../../pipeline/ingest/warehouse.ts';

/** The schemas that topics are known to have, so that a batch which names no other costs no statement. */
export class SavedSchemaIds {
  readonly #ofTopics = new Map<string, Set<number>>();

  /** Writes down the schemas of a batch that its topic was not yet known to have; part of the batch's transaction. */
  async save(connection: DuckDBConnection, { partition, schemaIds }: NamedSchemas): Promise<void> {
    const known = this.#ofTopics.get(partition.topic);
    const unknown = schemaIds.filter(id => !known?.has(id));
    if (unknown.length === 0) return;
    await connection.run(
      `INSERT INTO schema_ids
       SELECT $1, id FROM (SELECT unnest([${unknown.join(', ')}]::BIGINT[]) AS id) named
       WHERE NOT EXISTS (FROM schema_ids known WHERE known.topic = $1 AND known.schema_id = named.id)`,
      [partition.topic],
    );
  }

  /** To be called when that transaction is on disk, and not before: else an undone one would leave them unwritten. */
  note({ partition, schemaIds }: NamedSchemas): void {
    const known = this.#ofTopics.get(partition.topic) ?? new Set();
    for (const id of schemaIds) known.add(id);
    this.#ofTopics.set(partition.topic, known);
  }
}

type NamedSchemas = Pick<BatchFacts, 'partition' | 'schemaIds'>;

/** The schemas of all records stored, whatever their topic. */
export async function readSchemaIds(connection: DuckDBConnection): Promise<readonly number[]> {
  const reader = await connection.runAndReadAll('SELECT DISTINCT schema_id FROM schema_ids ORDER BY schema_id');
  return reader.getRows().map(([id]) => Number(id));
}
