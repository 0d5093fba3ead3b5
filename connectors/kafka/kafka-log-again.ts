import type { ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { isTemporary, TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition, partitionName } from '../../pipeline/partition.ts';
import type { EventSource, Log, LogEnd, PartitionId, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { beginnings, type LogAgain } from '../../pipeline/replay/read-target.ts';
import type { KafkaOptions } from './client/options.ts';
import { KafkaSource } from './kafka-source.ts';
import { originOf } from './reading/partition-reading.ts';
import { rangeOf } from './reading/reading-range.ts';
import { KafkaCluster } from './topics/cluster.ts';

type BoundedTarget = ReplayTarget & { readonly until: number };

/**
 * Topics of Kafka that are read again, by the only member of the group `options.group`, which commits nothing. Each reading
 * joins that group anew and reads all of its targets side by side. What is read of which topic is said by the targets; the
 * topics and policies of the options do not count.
 */
export function kafkaLogAgain(options: KafkaOptions, log: Log): LogAgain {
  return {
    together: targets => {
      const [live, others] = [targets.filter(isLive), targets.filter(target => !isLive(target))];
      return [...(live.length === 0 ? [] : [live]), ...others.map(target => [target])];
    },
    async *open(targets) {
      if (targets.every(isLive)) yield limits => boundedSource(targets, { ...options, ...limits }, log);
    },
  };
}

function isLive(target: ReplayTarget): target is BoundedTarget {
  return target.kind === 'live' && target.until !== null;
}

/** How often a reading looks whether the log still holds what is left to read: of what it lost, no fetch tells anything. */
const lookEveryMs = 5_000;

/**
 * Reads the targets, each up to its end, and ends when all of them are read. Throws `RECORDS_LOST`, `SOURCE_CHANGED` and
 * `TOPIC_UNFIT` when the log does not hold them any more.
 */
function boundedSource(targets: readonly BoundedTarget[], options: KafkaOptions, log: Log): EventSource {
  return {
    async *read(stored, signal): AsyncGenerator<RecordBatch> {
      const topics = [...new Set(targets.map(({ partition }) => partition.topic))];
      const bounded = { ...options, topics, partitions: null };
      const cluster = await KafkaCluster.open(bounded, log, signal);
      try {
        const left = new LeftToRead(targets, beginnings(stored, targets, originOf(cluster.clusterId)));
        while (left.targets.length > 0 && !signal.aborted) {
          const { ends } = await cluster.look();
          for (const gap of left.gaps(ends)) yield left.advance(gap);
          if (left.targets.length === 0) return;
          const watch = new LogLossWatch(cluster, left, signal);
          try {
            const source = new KafkaSource(cluster, bounded, log, undefined, null, rangeOf(left.targets));
            for await (const batch of source.read(left.positions, watch.signal)) {
              yield left.advance(batch);
              if (left.targets.length === 0) return;
            }
          } finally {
            watch.end();
          }
          watch.throwFailure();
        }
      } finally {
        await cluster.close();
      }
    },
  };
}

/** The targets that are not read to their ends, and where each is. */
class LeftToRead {
  readonly #targets = new Map<string, BoundedTarget>();
  readonly #positions = new Map<string, StoredPosition>();

  constructor(targets: readonly BoundedTarget[], positions: readonly StoredPosition[]) {
    for (const position of positions) this.#positions.set(partitionName(position.partition), position);
    for (const target of targets) this.#add(target);
  }

  get targets(): readonly BoundedTarget[] {
    return [...this.#targets.values()];
  }

  get positions(): readonly StoredPosition[] {
    return [...this.#positions.values()];
  }

  /** Notes a batch that is passed on. */
  advance(batch: RecordBatch): RecordBatch {
    const name = partitionName(batch.partition);
    const target = this.#targets.get(name);
    this.#targets.delete(name);
    this.#positions.set(name, { partition: batch.partition, origin: batch.origin, ...batch.next });
    if (target !== undefined) this.#add(target);
    return batch;
  }

  /** Whether the log has lost all of a target that is left: then it has no record that would tell so. */
  isLost(ends: readonly LogEnd[]): boolean {
    return this.targets.some(({ partition, until }) => (endOf(partition, ends)?.low ?? 0) >= until);
  }

  /**
   * The gaps of targets of which the log has lost all. Throws `RECORDS_LOST` where none is allowed, and `SOURCE_CHANGED` where
   * the log ends before a target: it would be waited for without end.
   */
  gaps(ends: readonly LogEnd[]): readonly RecordBatch[] {
    return this.targets.flatMap(({ partition, until, mayHaveGaps }) => {
      const name = partitionName(partition);
      const { low, high } = endOf(partition, ends) ?? { low: 0, high: 0 };
      if (high < until)
        throw new TidemarkError('SOURCE_CHANGED', `${name} ends at offset ${high}, and is to be read up to ${until}`);
      const { nextOffset: from, origin, bookmark } = this.#positions.get(name)!;
      if (low < until) return [];
      const reason = `deleted by Kafka before it was read; the log begins at ${low}`;
      if (!mayHaveGaps)
        throw new TidemarkError(
          'RECORDS_LOST',
          `${name}: the offsets from ${from} on and below ${until} are lost: ${reason}`,
        );
      const next = { nextOffset: until, bookmark };
      const lost = { from, to: until, reason };
      return [{ partition, kind: 'live', origin, records: [], from: until, next, lost, bytesRead: 0 }];
    });
  }

  #add(target: BoundedTarget): void {
    const name = partitionName(target.partition);
    if (this.#positions.get(name)!.nextOffset < target.until) this.#targets.set(name, target);
  }
}

function endOf(partition: PartitionId, ends: readonly LogEnd[]): LogEnd | undefined {
  return ends.find(end => isSamePartition(end.partition, partition));
}

/** Ends a reading that would wait for what the log has lost. */
class LogLossWatch {
  readonly signal: AbortSignal;
  readonly #ended = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #failure: unknown = null;

  constructor(cluster: Pick<KafkaCluster, 'look'>, left: LeftToRead, signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#ended.signal]);
    this.#timer = setInterval(() => {
      cluster.look().then(
        ({ ends }) => {
          if (left.isLost(ends)) this.#ended.abort();
        },
        error => {
          // While the brokers do not answer, the reading itself waits for them.
          if (isTemporary(error)) return;
          this.#failure ??= error;
          this.#ended.abort();
        },
      );
    }, lookEveryMs);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}
