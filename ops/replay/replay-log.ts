import type { FollowedTopic } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { PartitionId, SourceKind } from '../../pipeline/ports.ts';
import type { LogAgain } from '../../pipeline/replay/read-target.ts';

/** A log that a replay reads: log folders and files, or topics of Kafka. */
export interface ReplayLog extends LogAgain {
  /** What it holds now. `topics`: those to look at, in place of all that were given. Throws as reading the log does. */
  look(topics: readonly string[] | null): Promise<LogLook>;
  /** Where the records from a time on begin in each of these partitions, by name. Throws `USAGE` where records have no time. */
  findTimes(parts: readonly LogPart[], time: number): Promise<ReadonlyMap<string, FoundTime>>;
  close(): Promise<void>;
}

export interface LogLook {
  /** When the ends were asked for; null where the log says itself where it ends. */
  readonly at: number | null;
  /** The topics of which the settings declare the partitions to read. */
  readonly declared: readonly FollowedTopic[];
  /** In the order in which they are read. */
  readonly parts: readonly LogPart[];
}

/** A partition of a log. */
export interface LogPart {
  readonly partition: PartitionId;
  readonly kind: SourceKind;
  /** As the user knows it: a path, or the name of the partition. */
  readonly shown: string;
  /** The offsets `[low, high)`; those from `stable` on cannot be read yet. Null for a file, whose end is not known before it is read. */
  readonly ends: { readonly low: number; readonly stable: number; readonly high: number } | null;
  /** Encoded bytes of all of it; null where that is not known. */
  readonly bytes: number | null;
  /** The id of its topic; null where there is none. */
  readonly topicId: string | null;
  /** Whether the log drops records that a later one of the same key replaces. */
  readonly isCompacted: boolean;
}

/** The first record at or after a time. */
export interface FoundTime {
  /** Null when there is none. */
  readonly offset: number | null;
  /** By how many milliseconds later records are earlier than the time, as far as they were looked at. */
  readonly backMs: number;
  /** The highest record time; with a log that is asked by a clock, the time that was looked for. Null without records. */
  readonly latest: number | null;
}

/** The error for a record without a time, where a place is a time. */
export function withoutTime(partition: PartitionId, offset: number): TidemarkError {
  const problem = `the log ${partitionName(partition)} has no time for its record at offset ${offset}`;
  return new TidemarkError('USAGE', `${problem}; give offsets`);
}
