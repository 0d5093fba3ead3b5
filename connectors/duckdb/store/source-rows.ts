import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import type { DecodingSettings } from '../../../pipeline/completeness/batch-facts.ts';
import type { FollowedTopic, Gap, Replay, Source, SourceEnd, Sources } from '../../../pipeline/completeness/sources.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import type { SourceKind } from '../../../pipeline/ports.ts';
import type { KeyFormat } from '../../../schemas/cures.ts';
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

/** The numbers by which rows of other tables name a source. */
export interface SourceNumbers {
  /** The source's own number. */
  readonly source: number;
  /** The number of its log, in rows of services, states and tasks. All files share one. */
  readonly log: number;
  /** The last batch stored from it; 0 before the first. */
  readonly batch: number;
}

/** A row of the table `partitions`. */
export interface SourceRow extends SourceNumbers {
  readonly state: Source;
}

/** What the database knows of all sources. */
export interface StoredSources {
  readonly sources: Sources;
  /** By partition name. */
  readonly numbers: ReadonlyMap<string, SourceNumbers>;
}

/** Reads all sources, in the transaction of the connection. */
export async function readSources(connection: DuckDBConnection): Promise<StoredSources> {
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  const gaps = await rows(
    'SELECT source, from_offset, to_offset, reason, epoch_ms(watermark), epoch_ms(time_after) FROM gaps ORDER BY source, from_offset',
  );
  const partitions = new Map<string, Source>();
  const numbers = new Map<string, SourceNumbers>();
  const bySource = new Map<number, Source>();
  for (const row of await rows(`SELECT ${sourceColumnNames} FROM partitions ORDER BY source`)) {
    const source = Number(row[0]);
    const state = sourceOf(row, gaps.filter(([owner]) => Number(owner) === source).map(gapOf));
    const name = partitionName(state.partition);
    partitions.set(name, state);
    bySource.set(source, state);
    numbers.set(name, { source, log: Number(row[1]), batch: Number(row[14]) });
  }
  const topics = await rows(
    'SELECT topic, declared, partitions, epoch_ms(listed_at), ended_who, epoch_ms(ended_at) FROM topics ORDER BY topic',
  );
  const readings = await rows('SELECT source, from_offset, next_offset FROM readings ORDER BY number');
  const decodings = await rows('SELECT key_format, max_record_bytes, registry FROM decodings ORDER BY number');
  const [replay] = await rows('SELECT plan FROM replay');
  const [rest] = await rows('SELECT epoch_ms(covers_until), older_marks FROM coverage, layout');
  const sources: Sources = {
    partitions,
    topics: topics.map(topicOf),
    readings: readings.map(([source, from, next]) => ({
      partition: bySource.get(Number(source))!.partition,
      from: Number(from),
      next: Number(next),
    })),
    decodings: decodings.map(decodingOf),
    // Only `appendReplay` writes this table.
    replay: replay === undefined ? null : (JSON.parse(String(replay[0])) as Replay),
    coversUntil: numberOrNull(rest?.[0]),
    hasOlderMarks: rest?.[1] === true,
  };
  return { sources, numbers };
}

const sourceColumnNames = `source, log, topic, partition, origin, kind, listed, first_offset, next_offset, bookmark,
  epoch_ms(first_time), records_read, applied, quarantined, batch, epoch_ms(latest_event), ended_by, ended_who,
  epoch_ms(ended_at), epoch_ms(vouched_at), epoch_ms(looked_at), look_stable, look_high, changed,
  cluster_id, topic_id, last_offset, epoch_ms(last_time), last_sha256`;

function sourceOf(row: readonly DuckDBValue[], gaps: readonly Gap[]): Source {
  const [, , topic, partition, origin, kind, listed, firstOffset, nextOffset, bookmark, firstTime] = row;
  const [recordsRead, applied, quarantined, , latestEvent, endedBy, who, endedAt, vouchedAt] = row.slice(11);
  const [lookedAt, stable, high, changed, cluster, topicId] = row.slice(20);
  const [lastOffset, lastTime, lastSha256] = row.slice(26);
  return {
    partition: { topic: String(topic), partition: Number(partition) },
    origin: String(origin),
    // Only `appendSources` writes this column.
    kind: String(kind) as SourceKind,
    isListed: listed === true,
    assignedAt: null,
    firstOffset: numberOrNull(firstOffset),
    nextOffset: numberOrNull(nextOffset),
    bookmark: textOrNull(bookmark),
    ids: cluster === null ? null : { cluster: String(cluster), topic: textOrNull(topicId) },
    lastRecord:
      lastOffset === null
        ? null
        : { offset: Number(lastOffset), time: numberOrNull(lastTime), sha256: String(lastSha256) },
    firstTime: numberOrNull(firstTime),
    recordsRead: Number(recordsRead),
    applied: Number(applied),
    quarantined: Number(quarantined),
    latestEvent: numberOrNull(latestEvent),
    end: endOf(endedBy, who, endedAt),
    vouchedAt: numberOrNull(vouchedAt),
    look: lookedAt === null ? null : { at: Number(lookedAt), stable: Number(stable), high: Number(high) },
    stableSince: null,
    pending: [],
    held: null,
    changed: textOrNull(changed),
    gaps,
  };
}

function endOf(
  by: DuckDBValue | undefined,
  who: DuckDBValue | undefined,
  at: DuckDBValue | undefined,
): SourceEnd | null {
  if (by === null || by === undefined) return null;
  return by === 'ingest' ? { by: 'ingest' } : { by: 'hand', who: String(who), at: Number(at) };
}

function gapOf([, from, to, reason, watermark, timeAfter]: readonly DuckDBValue[]): Gap {
  const offsets = { from: Number(from), to: Number(to), reason: String(reason) };
  return { ...offsets, watermark: numberOrNull(watermark), timeAfter: numberOrNull(timeAfter) };
}

function topicOf([topic, declared, partitions, listedAt, who, endedAt]: readonly DuckDBValue[]): FollowedTopic {
  return {
    topic: String(topic),
    declared: declared === null ? null : JSON.parse(String(declared)),
    partitions: numberOrNull(partitions),
    listedAt: numberOrNull(listedAt),
    end: who === null ? null : { by: 'hand', who: String(who), at: Number(endedAt) },
  };
}

function decodingOf([keyFormat, maxRecordBytes, registry]: readonly DuckDBValue[]): DecodingSettings {
  return {
    // Only `appendDecodings` writes this column.
    keyFormat: String(keyFormat) as KeyFormat,
    maxRecordBytes: numberOrNull(maxRecordBytes),
    hasRegistry: registry === true,
  };
}

function numberOrNull(value: DuckDBValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function textOrNull(value: DuckDBValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** Appends rows of sources. The transaction must have deleted the old ones. */
export function appendSources(connection: DuckDBConnection, rows: readonly SourceRow[]): Promise<void> {
  return appendChunks(connection, 'partitions', buildChunks(sourceColumns, rows));
}

/** The columns of the table `partitions`, in the order of `schemas/tables/0001_store.sql`. */
const sourceColumns: readonly Column<SourceRow>[] = [
  integer(row => row.source),
  integer(row => row.log),
  text(({ state }) => state.partition.topic),
  integer(({ state }) => state.partition.partition),
  text(({ state }) => state.origin),
  text(({ state }) => state.kind),
  flag(({ state }) => state.isListed),
  whole(({ state }) => state.firstOffset),
  whole(({ state }) => state.nextOffset),
  text(({ state }) => state.bookmark),
  timestamp(({ state }) => state.firstTime),
  whole(({ state }) => state.recordsRead),
  whole(({ state }) => state.applied),
  whole(({ state }) => state.quarantined),
  whole(row => row.batch),
  timestamp(({ state }) => state.latestEvent),
  text(({ state }) => state.end?.by),
  text(({ state }) => (state.end?.by === 'hand' ? state.end.who : null)),
  timestamp(({ state }) => (state.end?.by === 'hand' ? state.end.at : null)),
  timestamp(({ state }) => state.vouchedAt),
  timestamp(({ state }) => state.look?.at),
  whole(({ state }) => state.look?.stable),
  whole(({ state }) => state.look?.high),
  text(({ state }) => state.changed),
  text(({ state }) => state.ids?.cluster),
  text(({ state }) => state.ids?.topic),
  whole(({ state }) => state.lastRecord?.offset),
  timestamp(({ state }) => state.lastRecord?.time),
  text(({ state }) => state.lastRecord?.sha256),
];
