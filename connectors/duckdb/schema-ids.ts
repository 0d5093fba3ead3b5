import type { DuckDBConnection } from '@duckdb/node-api';
import type { FoldedBatch } from '../../pipeline/ports.ts';

/** Writes down the schemas of a batch that its topic was not yet known to have; part of the batch's transaction. */
export async function saveSchemaIds(
  connection: DuckDBConnection,
  { partition, schemaIds }: Pick<FoldedBatch, 'partition' | 'schemaIds'>,
): Promise<void> {
  if (schemaIds.length === 0) return;
  await connection.run(
    `INSERT INTO schema_ids
     SELECT $1, id FROM (SELECT unnest([${schemaIds.join(', ')}]::BIGINT[]) AS id) named
     WHERE NOT EXISTS (FROM schema_ids known WHERE known.topic = $1 AND known.schema_id = named.id)`,
    [partition.topic],
  );
}

/** The schemas of all records stored, whatever their topic. */
export async function readSchemaIds(connection: DuckDBConnection): Promise<readonly number[]> {
  const reader = await connection.runAndReadAll('SELECT DISTINCT schema_id FROM schema_ids ORDER BY schema_id');
  return reader.getRows().map(([id]) => Number(id));
}
