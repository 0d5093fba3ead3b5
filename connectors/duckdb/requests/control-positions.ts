import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { ControlPosition } from '../../../pipeline/export/request.ts';
import { isSamePartition, partitionName } from '../../../pipeline/partition.ts';
import type { StoredPosition } from '../../../pipeline/ports.ts';

/** The stored positions of the control topic's partitions. */
export async function readControlPositions(connection: DuckDBConnection): Promise<readonly StoredPosition[]> {
  const reader = await connection.runAndReadAll(
    'SELECT topic, partition, origin, next_offset, bookmark FROM control_positions ORDER BY topic, partition',
  );
  return reader.getRows().map(([topic, partition, origin, nextOffset, bookmark]) => ({
    partition: { topic: String(topic), partition: Number(partition) },
    origin: String(origin),
    nextOffset: Number(nextOffset),
    bookmark: bookmark === null ? null : String(bookmark),
  }));
}

/**
 * Moves the position of a partition of the control topic over one record, in the transaction that carries out its
 * request (contract 5.17). Throws `STALE_BATCH` when the stored position is not the one that the record was read from,
 * so that a process that was paused or replaced carries out no request twice.
 */
export async function moveControlPosition(connection: DuckDBConnection, control: ControlPosition): Promise<void> {
  const { partition, origin, from, next, lost } = control;
  const stored = (await readControlPositions(connection)).find(position =>
    isSamePartition(position.partition, partition),
  );
  if (stored !== undefined && stored.nextOffset !== (lost?.from ?? from)) {
    throw new TidemarkError(
      'STALE_BATCH',
      `the control record at ${from} of ${partitionName(partition)} was refused: the stored offset is ${stored.nextOffset}`,
    );
  }
  const where = [partition.topic, partition.partition];
  await connection.run('DELETE FROM control_positions WHERE topic = $1 AND partition = $2', where);
  await connection.run('INSERT INTO control_positions VALUES ($1, $2, $3, $4, $5)', [
    ...where,
    origin,
    BigInt(next.nextOffset),
    next.bookmark,
  ]);
}
