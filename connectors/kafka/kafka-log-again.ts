import type { ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { isSamePartition, partitionName } from '../../pipeline/partition.ts';
import type { EventSource, Log, LogEnd, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
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

/** Reads the targets, each up to its end, and ends when all of them are read. */
function boundedSource(targets: readonly BoundedTarget[], options: KafkaOptions, log: Log): EventSource {
  return {
    async *read(stored, signal): AsyncGenerator<RecordBatch> {
      const left = new Map(unread(targets, stored).map(target => [partitionName(target.partition), target]));
      if (left.size === 0) return;
      const topics = [...new Set(Array.from(left.values(), ({ partition }) => partition.topic))];
      const bounded = { ...options, topics, partitions: null };
      const cluster = await KafkaCluster.open(bounded, log, signal);
      try {
        checkReach(left, (await cluster.look()).ends);
        const range = rangeOf([...left.values()]);
        const source = new KafkaSource(cluster, bounded, log, undefined, null, range);
        const from = beginnings(stored, [...left.values()], originOf(cluster.clusterId));
        for await (const batch of source.read(from, signal)) {
          yield batch;
          const name = partitionName(batch.partition);
          if (batch.next.nextOffset >= (left.get(name)?.until ?? 0)) left.delete(name);
          if (left.size === 0) return;
        }
      } finally {
        await cluster.close();
      }
    },
  };
}

/** Throws `SOURCE_CHANGED` where the log ends before a target: it would be waited for without end. */
function checkReach(targets: ReadonlyMap<string, BoundedTarget>, ends: readonly LogEnd[]): void {
  for (const [name, { until }] of targets) {
    const high = ends.find(({ partition }) => partitionName(partition) === name)?.high ?? 0;
    if (high < until)
      throw new TidemarkError('SOURCE_CHANGED', `${name} ends at offset ${high}, and is to be read up to ${until}`);
  }
}

function unread(targets: readonly BoundedTarget[], stored: readonly StoredPosition[]): readonly BoundedTarget[] {
  return targets.filter(({ partition, from, until }) => {
    const known = stored.find(position => isSamePartition(position.partition, partition));
    return (known?.nextOffset ?? from) < until;
  });
}
