import { isSamePartition, partitionName } from '../partition.ts';
import type { ClusterIds, LostRecords, PartitionId, SourceKind, StoredPosition } from '../ports.ts';
import type { DecodingSettings, RecordMark } from './batch-facts.ts';

/** What ended a source: `ingest` read it to its last record, or an operator ended it by hand. */
export type SourceEnd = { readonly by: 'ingest' } | { readonly by: 'hand'; readonly who: string; readonly at: number };

/** Records that were never stored and cannot be read any more. */
export interface Gap extends LostRecords {
  /** The source's watermark when the gap was met; null when it had none. */
  readonly watermark: number | null;
  /** The log's own time of the first record stored after the gap; null while none is stored. */
  readonly timeAfter: number | null;
}

/** The end of a partition at one look. */
interface LookedEnd {
  /** The clock, read before the end was asked for, in milliseconds since 1970 UTC. */
  readonly at: number;
  readonly stable: number;
  readonly high: number;
}

/** Everything that is known of one partition as a source of events. Times are milliseconds since 1970 UTC. */
export interface Source {
  readonly partition: PartitionId;
  /** Where it is read from, as the user knows it: a path or a broker list. */
  readonly origin: string;
  readonly kind: SourceKind;
  /** True when a topic that `run` follows listed it. */
  readonly isListed: boolean;
  /** The offset at which this process began to read it; null while it does not. Not kept in the database. */
  readonly assignedAt: number | null;
  /**
   * Where its first batch began, or, before that, where reading began; null before that, and when an earlier version did not
   * record it.
   */
  readonly firstOffset: number | null;
  /** The next offset to store; null before its first batch. */
  readonly nextOffset: number | null;
  readonly bookmark: string | null;
  /** Null before its first batch, where the log is not in a cluster, and when an earlier version did not record them. */
  readonly ids: ClusterIds | null;
  /** The last record below the next offset; null before the first, and when an earlier version did not record it. */
  readonly lastRecord: RecordMark | null;
  /** The log's own time of the first record stored from it; null while none is stored, or where the log keeps no times. */
  readonly firstTime: number | null;
  readonly recordsRead: number;
  readonly applied: number;
  readonly quarantined: number;
  /** The highest time among its events that was not later than the clock as it was read; null before the first. */
  readonly latestEvent: number | null;
  /** Null while it may still give events. */
  readonly end: SourceEnd | null;
  /** The clock of the latest look whose end has been stored; null when there is none. */
  readonly vouchedAt: number | null;
  /** The latest look at its end; null when there was none. */
  readonly look: LookedEnd | null;
  /** When the stable end was first seen where it is now; not kept in the database. */
  readonly stableSince: number | null;
  /** Looks whose ends are not stored yet, oldest first; not kept in the database. */
  readonly pending: readonly { readonly at: number; readonly high: number }[];
  /** Why the next records wait instead of being stored (contract 1.19); null while they do not. Not kept in the database. */
  readonly held: string | null;
  /** Why the log is another one than what was stored; null when it is the same. The watermark then stays where it is. */
  readonly changed: string | null;
  readonly gaps: readonly Gap[];
}

/** A topic that `run` follows, or the folder of logs that it follows. */
export interface FollowedTopic {
  readonly topic: string;
  /** The declared partitions (`kafka_partitions`); null when the topic itself says which there are. */
  readonly declared: readonly number[] | null;
  /** How many partitions it had at the latest look; null before the first. */
  readonly partitions: number | null;
  /** The clock of the latest look that listed its partitions; null before the first. */
  readonly listedAt: number | null;
  /** Null while it may get further partitions. */
  readonly end: SourceEnd | null;
}

/** A part of a file, or of standard input, that was read without a break; `[from, next)`. */
export interface Reading {
  readonly partition: PartitionId;
  readonly from: number;
  readonly next: number;
}

/** A part of the log that is read again: `[from, until)`; without `until` up to the end of a file, as it is when it is read. */
export interface ReplayTarget {
  readonly partition: PartitionId;
  readonly kind: SourceKind;
  readonly from: number;
  readonly until: number | null;
  /** Whether records may be missing in it; the gap is then recorded. */
  readonly mayHaveGaps: boolean;
  /** Why rows may be missing that a gap does not tell, as sentences; absent: nothing is known to be missing. */
  readonly lacks?: readonly string[];
}

/** What the replay that makes a store was asked for. Only the same command goes on with it. */
export interface Replay {
  /** The places and paths as they were given. */
  readonly from: string;
  readonly until: string;
  readonly paths: readonly string[];
  readonly allowGaps: boolean;
  /** In the order in which they are read. */
  readonly targets: readonly ReplayTarget[];
  /** The topics of which only declared partitions are read, as manifests show them; absent where there are none. */
  readonly topics?: readonly FollowedTopic[];
  /** The time up to which it has all events; null: none. `of the sources`: what they vouch for, as after `ingest`. */
  readonly watermark: number | 'of the sources' | null;
  readonly isFinished: boolean;
}

/** A place of a replay as clients may read it: without the folder of a manifest. */
export function shownPlace(place: string): string {
  return place.replace(/^manifest:.*\//s, 'manifest:');
}

/** All sources of a store. Never changed in place: each change makes a new value. */
export interface Sources {
  readonly partitions: ReadonlyMap<string, Source>;
  readonly topics: readonly FollowedTopic[];
  /** All parts of files and standard input in the order in which they were stored. */
  readonly readings: readonly Reading[];
  /** The settings that records were read with, in the order in which they came into use. */
  readonly decodings: readonly DecodingSettings[];
  /** Null for a store that no replay makes. */
  readonly replay: Replay | null;
  /** All events before this time have been given, as `ingest --covers-until` declared; null without a declaration. */
  readonly coversUntil: number | null;
  /** True when an earlier version, which took each file for a log of its own, may have marked services as split. */
  readonly hasOlderMarks: boolean;
}

export const noSources: Sources = {
  partitions: new Map(),
  topics: [],
  readings: [],
  decodings: [],
  replay: null,
  coversUntil: null,
  hasOlderMarks: false,
};

/** A source of which nothing is known yet. */
export function newSource(partition: PartitionId, origin: string, kind: SourceKind): Source {
  return {
    ...{ partition, origin, kind, isListed: false, assignedAt: null },
    ...{ firstOffset: null, nextOffset: null, bookmark: null, ids: null, lastRecord: null, firstTime: null },
    ...{ recordsRead: 0, applied: 0, quarantined: 0, latestEvent: null },
    ...{ end: null, vouchedAt: null, look: null, stableSince: null, pending: [], held: null, changed: null, gaps: [] },
  };
}

/** The positions from which reading goes on. A source of which nothing was stored has none. */
export function positionsOf({ partitions }: Sources): readonly StoredPosition[] {
  return Array.from(partitions.values()).flatMap(({ partition, origin, nextOffset, bookmark }) =>
    nextOffset === null ? [] : [{ partition, origin, nextOffset, bookmark }],
  );
}

/** How late events may come, in milliseconds. */
export interface Lateness {
  /** `allowed_lateness_ms`: how long after its time an event may be given. */
  readonly allowedMs: number;
  /** `clock_lateness_ms`: an event's way into the log, and what clocks differ, together. */
  readonly clockMs: number;
}

/**
 * The time up to which a source is expected to have given all its events; null when it has given no such promise (contract
 * 4.21). A live source vouches by the clock of a look whose end was stored, an ended one by its events.
 */
export function watermarkOf(source: Source, lateness: Lateness): number | null {
  if (source.kind === 'live') return minus(source.vouchedAt, liveLateness(lateness));
  return source.end?.by === 'ingest' ? minus(source.latestEvent, lateness.allowedMs) : null;
}

/** How far the watermark of a live source, or of a topic, stays behind the clock that it vouches by, in milliseconds. */
export function liveLateness({ allowedMs, clockMs }: Lateness): number {
  return Math.max(allowedMs, clockMs);
}

/**
 * The offsets `[from, to)` that an open transaction hides, once all records before them are stored; null when there are
 * none at the latest look.
 */
export function hiddenOffsets(source: Source): { readonly from: number; readonly to: number } | null {
  const { look } = source;
  if (look === null || look.stable >= look.high || (storedUpTo(source) ?? 0) < look.stable) return null;
  return { from: look.stable, to: look.high };
}

/** True when windows wait for this source: it was listed, given to `ingest`, or read, and has not ended. */
export function mustVouch({ kind, isListed, assignedAt, recordsRead, end }: Source): boolean {
  if (end !== null) return false;
  return kind !== 'live' || isListed || assignedAt !== null || recordsRead > 0;
}

/** All records below this offset are stored; null when nothing is known of it. */
export function storedUpTo({ nextOffset, assignedAt }: Source): number | null {
  return nextOffset ?? assignedAt;
}

/** A source's name in messages and manifests. Of a file's path only the last part is shown, because clients read it. */
export function nameOf({ partition, kind, origin }: Pick<Source, 'partition' | 'kind' | 'origin'>): string {
  const name = partitionName(partition);
  return kind === 'live' ? name : `${name} (${origin.slice(origin.lastIndexOf('/') + 1)})`;
}

/** The readings after a batch: it prolongs the last one when it goes on where that one ended. */
export function addReading(readings: readonly Reading[], added: Reading): readonly Reading[] {
  const last = readings.at(-1);
  if (last === undefined || !isSamePartition(last.partition, added.partition) || last.next !== added.from)
    return [...readings, added];
  return [...readings.slice(0, -1), { ...last, next: added.next }];
}

function minus(time: number | null, milliseconds: number): number | null {
  return time === null ? null : time - milliseconds;
}
