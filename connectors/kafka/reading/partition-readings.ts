import { isSamePartition, partitionName } from '../../../pipeline/partition.ts';
import type { LogEnd, PartitionId, StoredPosition } from '../../../pipeline/ports.ts';
import { TopicIds } from '../client/kafkajs-requests.ts';
import type { LogIdentity } from './bookmark.ts';
import { checkIdentity, checkRange, checkTopicId } from './lost-records.ts';
import { PartitionReading } from './partition-reading.ts';
import type { ReadingRange } from './reading-range.ts';

type Topics = ReadonlyMap<string, { readonly id: string | null }>;

/** How far each partition was read. */
export class PartitionReadings {
  /** The topic ids when reading began, by topic name. */
  readonly topicIds = new TopicIds();
  readonly #cluster: string;
  readonly #range: ReadingRange;
  readonly #byName = new Map<string, PartitionReading>();

  constructor(cluster: string, range: ReadingRange) {
    this.#cluster = cluster;
    this.#range = range;
  }

  /**
   * Begins at the stored positions of these topics. Throws `SOURCE_CHANGED` when a position is not one of this log, and
   * `RECORDS_LOST` when the log begins after one where no records may be lost.
   */
  begin(topics: Topics, ends: readonly LogEnd[], stored: readonly StoredPosition[]): void {
    for (const [topic, { id }] of topics) if (id !== null) this.topicIds.set(topic, id);
    const isRead = (partition: PartitionId): boolean =>
      topics.has(partition.topic) && this.#range.endOf(partition) !== null;
    for (const position of stored.filter(each => isRead(each.partition))) {
      const { partition } = position;
      const identity = this.#identityOf(partition);
      checkIdentity(position, identity);
      const end = ends.find(known => isSamePartition(known.partition, partition));
      if (end !== undefined) checkRange(end, position.nextOffset, this.#range.policiesOf(partition).onLostRecords);
      this.#byName.set(partitionName(partition), new PartitionReading(partition, identity, position));
    }
  }

  of({ topic, partition: number }: PartitionId): PartitionReading {
    const partition = { topic, partition: number };
    const name = partitionName(partition);
    const reading = this.#byName.get(name) ?? new PartitionReading(partition, this.#identityOf(partition), undefined);
    this.#byName.set(name, reading);
    return reading;
  }

  /** Forgets what was read of a partition beyond its stored position, or beyond `from` where nothing of it is stored. */
  renew(partition: PartitionId, stored: StoredPosition | undefined, from: number): void {
    const reading = new PartitionReading(partition, this.#identityOf(partition), stored);
    if (stored === undefined) reading.assign(from);
    this.#byName.set(partitionName(partition), reading);
  }

  /** Whether all of a partition that is to be read was read. */
  hasEnded({ partition, position }: PartitionReading): boolean {
    return (position ?? 0) >= (this.#range.endOf(partition) ?? 0);
  }

  /**
   * Compares the positions of now with an answer of the cluster that comes later: until it arrives, the log may grow and be
   * read beyond the ends in the answer. What it returns throws `SOURCE_CHANGED` when a topic was recreated or truncated.
   */
  checkLater(): (topics: Topics, ends: readonly LogEnd[]) => void {
    const positions = new Map(Array.from(this.#byName, ([name, { position }]) => [name, position]));
    return (topics, ends) => {
      for (const [topic, id] of this.topicIds) checkTopicId(topic, id, topics.get(topic)?.id ?? null);
      for (const end of ends) {
        const position = positions.get(partitionName(end.partition)) ?? null;
        if (position !== null) checkRange(end, position, 'skip');
      }
    };
  }

  #identityOf({ topic }: PartitionId): LogIdentity {
    return { cluster: this.#cluster, topicId: this.topicIds.get(topic) ?? null };
  }
}
