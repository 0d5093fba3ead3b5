import type { KafkaOptions } from '../../../connectors/kafka/client/options.ts';
import { KafkaSource } from '../../../connectors/kafka/kafka-source.ts';
import { KafkaCluster } from '../../../connectors/kafka/topics/cluster.ts';
import { isSamePartition, partitionName } from '../../../pipeline/partition.ts';
import type { EventSource, Log, LogEnd, RecordBatch, StoredPosition } from '../../../pipeline/ports.ts';

export const noSecurity = { tls: null, sasl: null };

/** Options with defaults for those that a test does not give. */
export function kafkaOptions(
  given: Partial<KafkaOptions> & Pick<KafkaOptions, 'brokers' | 'topics' | 'group'>,
): KafkaOptions {
  return {
    partitions: null,
    security: noSecurity,
    sessionTimeoutMs: 10_000,
    onLostRecords: 'stop',
    onDamagedBatch: 'stop',
    maxUnpackedBytes: 256 << 20,
    batchRecords: 20_000,
    batchBytes: 16 << 20,
    fetchMinBytes: 1,
    ...given,
  };
}

/** A log that keeps its lines for the test. */
export class LogLines implements Log {
  readonly lines: { readonly level: string; readonly facts: object; readonly sentence: string }[] = [];
  readonly debug = this.#write('debug');
  readonly info = this.#write('info');
  readonly warn = this.#write('warn');
  readonly error = this.#write('error');

  #write(level: string) {
    return (facts: object, sentence: string): void => void this.lines.push({ level, facts, sentence });
  }
}

/** Connects to the cluster as the product does. The caller closes the connection. */
export function openTestCluster(options: KafkaOptions, signal = AbortSignal.timeout(30_000)): Promise<KafkaCluster> {
  return KafkaCluster.open(options, new LogLines(), signal);
}

/** A Kafka source that ends where the log could be read up to when reading began. */
export function boundedKafkaSource(options: KafkaOptions, log: Log = new LogLines()): EventSource {
  return {
    async *read(stored, signal): AsyncGenerator<RecordBatch> {
      if (signal.aborted) return;
      const cluster = await KafkaCluster.open(options, log, signal);
      try {
        const left = unread((await cluster.look()).ends, stored);
        if (left.size === 0) return;
        for await (const batch of new KafkaSource(cluster, options, log).read(stored, signal)) {
          yield batch;
          const name = partitionName(batch.partition);
          if (batch.next.nextOffset >= (left.get(name) ?? 0)) left.delete(name);
          if (left.size === 0) return;
        }
      } finally {
        await cluster.close();
      }
    },
  };
}

/** The end of each partition, by name, that the stored positions have not reached. */
function unread(ends: readonly LogEnd[], stored: readonly StoredPosition[]): Map<string, number> {
  const open = ends.filter(({ partition, low, stable }) => {
    const known = stored.find(position => isSamePartition(position.partition, partition));
    return (known?.nextOffset ?? low) !== stable;
  });
  return new Map(open.map(({ partition, stable }) => [partitionName(partition), stable]));
}
