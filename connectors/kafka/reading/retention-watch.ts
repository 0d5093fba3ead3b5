import { partitionName } from '../../../pipeline/partition.ts';
import type { Clock, LogEnd, PartitionId, RecordBatch } from '../../../pipeline/ports.ts';
import { formatTimestamp } from '../../../schemas/json/timestamps.ts';
import { nearRetention, type TopicFinding } from '../topics/topic-checks.ts';

/**
 * The end is the high watermark: records that not all replicas have lie behind it. So a record after it may have been
 * appended this much earlier than it was seen; by default Kafka drops a replica that lags for 30 s.
 */
const replicationMs = 60_000;

/** The reported end of a partition at one time. */
interface ObservedEnd {
  readonly high: number;
  /** In milliseconds since 1970 UTC. */
  readonly atMs: number;
}

interface ObservedEnds {
  /** The latest one that reading has passed. */
  passed: ObservedEnd | null;
  /** The next one that reading will pass, with the latest time at which the log ended there. */
  next: ObservedEnd | null;
}

/**
 * Finds records that were older than their topic's retention when they were appended, such as those of a replayed month.
 * Kafka deletes them soon after they are written. A record does not contain the time of its append, but a look at the log's
 * end gives a lower bound: a record after that end was appended later than the look. Records that were young when appended,
 * and waited long to be read or deleted, are not reported.
 */
export class RetentionWatch {
  readonly #retentions: Map<string, number>;
  readonly #observedEnds = new Map<string, ObservedEnds>();

  /** `retentions`: milliseconds by topic. Other topics are not watched. */
  constructor(retentions: ReadonlyMap<string, number>) {
    this.#retentions = new Map(retentions);
  }

  /** Remembers the ends of the log. `atMs` is the time just before they were requested. */
  observeEnds(ends: readonly LogEnd[], atMs: number): void {
    for (const { partition, high } of ends) {
      const observed = this.#observedEndsOf(partition);
      if (observed.next === null || high <= observed.next.high) observed.next = { high, atMs };
    }
  }

  /** Checks a batch; must be called with every batch, in order. Returns at most one warning per topic. */
  checkBatch({ partition, records }: RecordBatch): TopicFinding | null {
    const retentionMs = this.#retentions.get(partition.topic);
    if (retentionMs === undefined) return null;
    const observed = this.#observedEndsOf(partition);
    for (const { offset, timestamp } of records) {
      if (observed.next !== null && offset >= observed.next.high) {
        observed.passed = observed.next;
        observed.next = null;
      }
      if (observed.passed === null || timestamp === null) continue;
      // Read again: it was written before that end was seen.
      if (offset < observed.passed.high) continue;
      if (observed.passed.atMs - replicationMs - timestamp <= retentionMs) continue;
      this.#retentions.delete(partition.topic);
      const oldRecord = `offset ${offset} of partition ${partition.partition} was already older when it was written (${formatTimestamp(timestamp)})`;
      return nearRetention(partition.topic, retentionMs, oldRecord);
    }
    return null;
  }

  #observedEndsOf(partition: PartitionId): ObservedEnds {
    const name = partitionName(partition);
    const observed = this.#observedEnds.get(name) ?? { passed: null, next: null };
    this.#observedEnds.set(name, observed);
    return observed;
  }
}

/** Where to report records that were older than their topic's retention when they were written. */
export interface RetentionReport {
  readonly watch: RetentionWatch;
  readonly clock: Clock;
  readonly onWarning: (warning: TopicFinding) => void;
}
