import type { DuckDBConnection } from '@duckdb/node-api';
import type { DecodingSettings } from '../../../pipeline/completeness/batch-facts.ts';
import type { FollowedTopic, Gap, Reading, Replay } from '../../../pipeline/completeness/sources.ts';
import {
  appendChunks,
  buildChunks,
  type Column,
  flag,
  integer,
  text,
  timestamp,
  whole,
} from '../vectors/row-chunks.ts';

/** The writing of what the database keeps of sources in lists, besides their rows. */

type Numbered<R> = R & { readonly source: number };

/** Appends gaps of sources. The transaction must have deleted the old ones of these sources. */
export function appendGaps(connection: DuckDBConnection, rows: readonly Numbered<Gap>[]): Promise<void> {
  return appendChunks(connection, 'gaps', buildChunks(gapColumns, rows));
}

const gapColumns: readonly Column<Numbered<Gap>>[] = [
  integer(row => row.source),
  whole(row => row.from),
  whole(row => row.to),
  text(row => row.reason),
  timestamp(row => row.watermark),
  timestamp(row => row.timeAfter),
];

/** Appends readings. `number` is the reading's place in the list. */
export function appendReadings(
  connection: DuckDBConnection,
  rows: readonly (Numbered<Reading> & { readonly number: number })[],
): Promise<void> {
  return appendChunks(connection, 'readings', buildChunks(readingColumns, rows));
}

const readingColumns: readonly Column<Numbered<Reading> & { readonly number: number }>[] = [
  integer(row => row.number),
  integer(row => row.source),
  whole(row => row.from),
  whole(row => row.next),
];

/** Appends settings that records were read with. `number` is their place in the list. */
export function appendDecodings(
  connection: DuckDBConnection,
  rows: readonly (DecodingSettings & { readonly number: number })[],
): Promise<void> {
  return appendChunks(connection, 'decodings', buildChunks(decodingColumns, rows));
}

const decodingColumns: readonly Column<DecodingSettings & { readonly number: number }>[] = [
  integer(row => row.number),
  text(row => row.keyFormat),
  whole(row => row.maxRecordBytes),
  flag(row => row.hasRegistry),
];

/** Appends what a replay was asked for. The transaction must have deleted the old row. */
export function appendReplay(connection: DuckDBConnection, replay: Replay): Promise<void> {
  return appendChunks(connection, 'replay', buildChunks([text<Replay>(row => JSON.stringify(row))], [replay]));
}

/** Appends topics. The transaction must have deleted the old ones. */
export function appendTopics(connection: DuckDBConnection, rows: readonly FollowedTopic[]): Promise<void> {
  return appendChunks(connection, 'topics', buildChunks(topicColumns, rows));
}

const topicColumns: readonly Column<FollowedTopic>[] = [
  text(row => row.topic),
  text(row => (row.declared === null ? null : JSON.stringify(row.declared))),
  whole(row => row.partitions),
  timestamp(row => row.listedAt),
  text(row => (row.end?.by === 'hand' ? row.end.who : null)),
  timestamp(row => (row.end?.by === 'hand' ? row.end.at : null)),
];
