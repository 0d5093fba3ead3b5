import { partitionName } from '../../../pipeline/partition.ts';
import type { LogEnd, PartitionId, RecordBatch } from '../../../pipeline/ports.ts';
import { formatTimestamp } from '../../../schemas/json/timestamps.ts';
import { nearRetention, type TopicWarning } from '../topics/topic-checks.ts';

/** A record may lie behind the end that is told for as long as a transaction stays open: by default 15 minutes at most. */
const hiddenMs = 900_000;

/** What a partition's end was, and when: all that lies behind it was appended later. */
interface Look {
  readonly high: number;
  readonly at: number;
}

interface Looks {
  /** The last one whose end was read past. */
  reached: Look | null;
  /** The next one to be reached, as late as one of that end was made. */
  coming: Look | null;
}

/**
 * Finds records that were older than their topic's retention when they were appended, such as those of a replayed month:
 * Kafka deletes them soon after they are written. When a record was appended is not known, but it was after the last look
 * at an end of the log which it lies behind. Records that only waited long to be read, or to be deleted, are none.
 */
export class RetentionWatch {
  readonly #retentions: Map<string, number>;
  readonly #looks = new Map<string, Looks>();

  /** How long records are kept, by topic; of others nothing is found. */
  constructor(retentions: ReadonlyMap<string, number>) {
    this.#retentions = new Map(retentions);
  }

  /** To be told the ends of the log, and when they were asked for. */
  noteEnds(ends: readonly LogEnd[], at: number): void {
    for (const { partition, high } of ends) {
      const looks = this.#looksAt(partition);
      if (looks.coming === null || high <= looks.coming.high) looks.coming = { high, at };
    }
  }

  /** To be shown each batch, in order. Gives one warning a topic. */
  warningOf({ partition, records }: RecordBatch): TopicWarning | null {
    const retentionMs = this.#retentions.get(partition.topic);
    if (retentionMs === undefined) return null;
    const looks = this.#looksAt(partition);
    for (const { offset, timestamp } of records) {
      if (looks.coming !== null && offset >= looks.coming.high) {
        looks.reached = looks.coming;
        looks.coming = null;
      }
      if (looks.reached === null || timestamp === null) continue;
      if (looks.reached.at - hiddenMs - timestamp <= retentionMs) continue;
      this.#retentions.delete(partition.topic);
      const what = `offset ${offset} of partition ${partition.partition} was older when it came (${formatTimestamp(timestamp)})`;
      return nearRetention(partition.topic, retentionMs, what);
    }
    return null;
  }

  #looksAt(partition: PartitionId): Looks {
    const name = partitionName(partition);
    const known = this.#looks.get(name) ?? { reached: null, coming: null };
    this.#looks.set(name, known);
    return known;
  }
}
