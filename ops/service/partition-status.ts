import type { PartitionRow } from '../../connectors/duckdb/store/partitions.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { LogEnd } from '../../pipeline/ports.ts';
import { formatTimestamp } from '../../schemas/json/timestamps.ts';

/** One partition as `tidemark status` and the metrics show it. */
export interface PartitionStatus {
  readonly topic: string;
  readonly partition: number;
  readonly origin: string;
  readonly stored_offset: number;
  /** Null while the log does not answer, or when the partition is not assigned to this process. */
  readonly log_end: number | null;
  readonly lag_records: number | null;
  /** Age of the newest stored record while newer ones are not stored; 0 when all are stored. */
  readonly lag_seconds: number | null;
  readonly watermark: string | null;
  readonly records_read: number;
  readonly applied: number;
  readonly quarantined: number;
}

interface PartitionFacts {
  readonly known: readonly PartitionRow[];
  readonly ends: readonly LogEnd[];
  /** The log's own time of the newest stored record, by partition, in milliseconds. */
  readonly recordTimes: ReadonlyMap<string, number>;
  readonly now: number;
}

/** Every partition that is stored or assigned, by topic and number. */
export function partitionStatuses(facts: PartitionFacts): readonly PartitionStatus[] {
  const names = new Map([
    ...facts.known.map(({ partition }) => [partitionName(partition), partition] as const),
    ...facts.ends.map(({ partition }) => [partitionName(partition), partition] as const),
  ]);
  return Array.from(names.keys())
    .toSorted(byNameAndNumber)
    .map(name => statusOf(name, facts));
}

function statusOf(name: string, { known, ends, recordTimes, now }: PartitionFacts): PartitionStatus {
  const stored = known.find(({ partition }) => partitionName(partition) === name);
  const end = ends.find(({ partition }) => partitionName(partition) === name);
  const { topic, partition } = (stored ?? end)!.partition;
  const storedOffset = stored?.nextOffset ?? end?.low ?? 0;
  const lag = end === undefined ? null : Math.max(end.high - storedOffset, 0);
  const recordTime = recordTimes.get(name);
  const age = recordTime === undefined ? null : Math.max(now - recordTime, 0) / 1000;
  return {
    topic,
    partition,
    origin: stored?.origin ?? '',
    stored_offset: storedOffset,
    log_end: end?.high ?? null,
    lag_records: lag,
    lag_seconds: lag === 0 ? 0 : lag === null ? null : age,
    watermark: stored === undefined || stored.watermark === null ? null : formatTimestamp(stored.watermark),
    records_read: stored?.recordsRead ?? 0,
    applied: stored?.applied ?? 0,
    quarantined: stored?.quarantined ?? 0,
  };
}

function byNameAndNumber(one: string, other: string): number {
  const [oneTopic, oneNumber] = [one.slice(0, one.lastIndexOf('/')), Number(one.slice(one.lastIndexOf('/') + 1))];
  const [otherTopic, otherNumber] = [
    other.slice(0, other.lastIndexOf('/')),
    Number(other.slice(other.lastIndexOf('/') + 1)),
  ];
  if (oneTopic !== otherTopic) return oneTopic < otherTopic ? -1 : 1;
  return oneNumber - otherNumber;
}
