import type { DuckDBConnection } from '@duckdb/node-api';
import type { BatchFacts } from '../../../pipeline/completeness/batch-facts.ts';

/** Remembers which schema ids are stored for each topic, so that a batch without a new id needs no statement. */
export class SavedSchemaIds {
  readonly #byTopic = new Map<string, Set<number>>();

  /** Inserts the schema ids of a batch that are new for its topic; part of the batch's transaction. */
  async save(connection: DuckDBConnection, { partition, schemaIds }: BatchSchemas): Promise<void> {
    const saved = this.#byTopic.get(partition.topic);
    const added = schemaIds.filter(id => !saved?.has(id));
    if (added.length === 0) return;
    await connection.run(
      `INSERT INTO schema_ids
       SELECT $1, id FROM (SELECT unnest([${added.join(', ')}]::BIGINT[]) AS id) added
       WHERE NOT EXISTS (FROM schema_ids saved WHERE saved.topic = $1 AND saved.schema_id = added.id)`,
      [partition.topic],
    );
  }

  /** To be called only after the commit: an id remembered from a rolled-back transaction would never be inserted. */
  markSaved({ partition, schemaIds }: BatchSchemas): void {
    const saved = this.#byTopic.get(partition.topic) ?? new Set();
    for (const id of schemaIds) saved.add(id);
    this.#byTopic.set(partition.topic, saved);
  }
}

type BatchSchemas = Pick<BatchFacts, 'partition' | 'schemaIds'>;

/** The schema ids of all stored records, of all topics, ascending. */
export async function readSchemaIds(connection: DuckDBConnection): Promise<readonly number[]> {
  const reader = await connection.runAndReadAll('SELECT DISTINCT schema_id FROM schema_ids ORDER BY schema_id');
  return reader.getRows().map(([id]) => Number(id));
}
