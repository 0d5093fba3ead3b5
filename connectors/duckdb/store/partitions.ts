import type { DuckDBConnection } from '@duckdb/node-api';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { BatchFacts } from '../../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { LostRecords, PartitionId, StoredPosition } from '../../../pipeline/ports.ts';
import { appendChunks, type Column, chunksOf, integer, text, timestamp, whole } from '../vectors/row-chunks.ts';

/** A partition as the database knows it; `source` is its short name inside rows, `watermark` in milliseconds. */
export interface KnownPartition extends StoredPosition {
  readonly source: number;
  readonly recordsRead: number;
  readonly applied: number;
  readonly quarantined: number;
  readonly watermark: number | null;
  /** Number of the last batch stored from it. */
  readonly batch: number;
}

/** Reads every partition with its position and counts. */
export async function readPartitions(connection: DuckDBConnection): Promise<readonly KnownPartition[]> {
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

/** Appends the partition's row, after the one before it was deleted in the batch's transaction. */
export function appendPartition(connection: DuckDBConnection, known: KnownPartition): Promise<void> {
  return appendChunks(connection, 'partitions', chunksOf(partitionColumns, [known]));
}

const partitionColumns: readonly Column<KnownPartition>[] = [
  integer(known => known.source),
  text(known => known.partition.topic),
  integer(known => known.partition.partition),
  text(known => known.origin),
  whole(known => known.nextOffset),
  text(known => known.bookmark),
  whole(known => known.recordsRead),
  whole(known => known.applied),
  whole(known => known.quarantined),
  whole(known => known.batch),
  timestamp(known => known.watermark),
];

/** A partition that nothing was stored of yet: it begins where its first batch does. */
export function newPartition({ partition, origin, from }: BatchFacts, source: number): KnownPartition {
  const counts = { recordsRead: 0, applied: 0, quarantined: 0 };
  return { source, partition, origin, nextOffset: from, bookmark: null, ...counts, watermark: null, batch: 0 };
}

/**
 * The fence of exactly-once: a batch is stored only where the stored position is the one it was read from (or where the
 * records lost before it begin). Throws `STALE_BATCH` otherwise.
 */
export function checkFollows({ partition, from, next, lost }: BatchFacts, known: KnownPartition): void {
  const follows = lost === null ? from === known.nextOffset : lost.from === known.nextOffset && lost.to === from;
  if (follows && next.nextOffset >= from) return;
  throw new TidemarkError(
    'STALE_BATCH',
    `a batch [${from}, ${next.nextOffset}) of ${partitionName(partition)} was refused: ${known.nextOffset} is the offset to go on from`,
  );
}

/** Writes down what the log had lost; part of the batch's transaction. */
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

/** The partition after a batch. */
export function advance(known: KnownPartition, batch: BatchFacts, number: number): KnownPartition {
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
