import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { BatchFacts } from '../../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { LostRecords, PartitionId, StoredPosition } from '../../../pipeline/ports.ts';
import { appendChunks, buildChunks, type Column, integer, text, timestamp, whole } from '../vectors/row-chunks.ts';

/** A row of the table `partitions`. */
export interface PartitionRow extends StoredPosition {
  /** The partition's number in the rows of services, states and tasks. */
  readonly source: number;
  readonly recordsRead: number;
  readonly applied: number;
  readonly quarantined: number;
  /** Number of the last batch stored from it. */
  readonly batch: number;
}

/** Reads all partitions with their positions and counts. */
export async function readPartitions(connection: DuckDBConnection): Promise<readonly PartitionRow[]> {
  const reader = await connection.runAndReadAll(
    `SELECT source, topic, partition, origin, next_offset, bookmark, records_read, applied, quarantined, batch,
            epoch_ms(watermark) FROM partitions ORDER BY source`,
  );
  return reader.getRows().map(row => ({
    source: Number(row[0]),
    partition: { topic: String(row[1]), partition: Number(row[2]) },
    origin: String(row[3]),
    nextOffset: Number(row[4]),
    bookmark: row[5] === null ? null : String(row[5]),
    recordsRead: Number(row[6]),
    applied: Number(row[7]),
    quarantined: Number(row[8]),
    batch: Number(row[9]),
    watermark: row[10] === null ? null : Number(row[10]),
  }));
}

/** Appends the partition's row. The batch's transaction must have deleted the old one. */
export function appendPartition(connection: DuckDBConnection, row: PartitionRow): Promise<void> {
  return appendChunks(connection, 'partitions', buildChunks(partitionColumns, [row]));
}

const partitionColumns: readonly Column<PartitionRow>[] = [
  integer(row => row.source),
  text(row => row.partition.topic),
  integer(row => row.partition.partition),
  text(row => row.origin),
  whole(row => row.nextOffset),
  text(row => row.bookmark),
  whole(row => row.recordsRead),
  whole(row => row.applied),
  whole(row => row.quarantined),
  whole(row => row.batch),
  timestamp(row => row.watermark),
];

/** The row of a partition before its first batch, which may begin at any offset. */
export function newPartition({ partition, origin, from }: BatchFacts, source: number): PartitionRow {
  const counts = { recordsRead: 0, applied: 0, quarantined: 0 };
  return { source, partition, origin, nextOffset: from, bookmark: null, ...counts, watermark: null, batch: 0 };
}

/**
 * Checks that a batch begins at the stored position of its partition, or that the gap of lost records before it does.
 * Otherwise records would be applied twice or left out. Throws `STALE_BATCH`.
 */
export function checkBatchFollows({ partition, from, next, lost }: BatchFacts, known: PartitionRow): void {
  const follows = lost === null ? from === known.nextOffset : lost.from === known.nextOffset && lost.to === from;
  if (follows && next.nextOffset >= from) return;
  throw new TidemarkError(
    'STALE_BATCH',
    `a batch [${from}, ${next.nextOffset}) of ${partitionName(partition)} was refused: the stored offset is ${known.nextOffset}`,
  );
}

/** Records a gap in the log; part of the batch's transaction. */
export async function saveLostRecords(
  connection: DuckDBConnection,
  { topic, partition }: PartitionId,
  { from, to, reason }: LostRecords,
): Promise<void> {
  await connection.run('INSERT INTO lost_records VALUES ($1, $2, $3, $4, $5)', [
    topic,
    partition,
    BigInt(from),
    BigInt(to),
    reason,
  ]);
}

/** The partition's row after a batch. */
export function advancePartition(known: PartitionRow, batch: BatchFacts, number: number): PartitionRow {
  return {
    ...known,
    ...batch.next,
    origin: batch.origin,
    recordsRead: known.recordsRead + batch.recordsRead,
    applied: known.applied + batch.applied,
    quarantined: known.quarantined + batch.quarantined,
    watermark: later(known.watermark, batch.watermark),
    batch: number,
  };
}

function later(one: number | null, other: number | null): number | null {
  return one === null || (other !== null && other > one) ? other : one;
}
