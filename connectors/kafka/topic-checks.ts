import { TidemarkError } from '../../pipeline/errors.ts';
import type { LogEnd } from '../../pipeline/ports.ts';
import type { KafkaCluster } from './cluster.ts';

export interface TopicWarning {
  readonly topic: string;
  readonly kind: 'retention_below_horizon' | 'retention_eats_old_times';
  readonly sentence: string;
}

export interface TopicChecks {
  readonly cluster: Pick<KafkaCluster, 'topicSettings' | 'offsetsAt' | 'ends'>;
  readonly topics: readonly string[];
  /** How far back a replay must reach. */
  readonly horizonMs: number;
  readonly now: number;
}

/**
 * Reads how long each topic keeps its records. Throws `TOPIC_UNFIT` for one that is compacted, for it keeps one event a
 * service; gives a warning for what will hurt later.
 */
export async function checkTopics(checks: TopicChecks): Promise<readonly TopicWarning[]> {
  const ends = await checks.cluster.ends();
  const found = await Promise.all(checks.topics.map(topic => checkTopic(topic, ends, checks)));
  return found.flat();
}

async function checkTopic(
  topic: string,
  ends: readonly LogEnd[],
  { cluster, horizonMs, now }: TopicChecks,
): Promise<readonly TopicWarning[]> {
  const settings = await cluster.topicSettings(topic);
  const policies = (settings.get('cleanup.policy') ?? 'delete').split(',');
  if (policies.includes('compact')) {
    throw new TidemarkError(
      'TOPIC_UNFIT',
      `topic ${topic} has cleanup.policy=${policies.join(',')}: compaction keeps one record a key and deletes the others; allowed is delete`,
    );
  }
  const retentionMs = Number(settings.get('retention.ms') ?? -1);
  if (retentionMs < 0) return [];
  const warnings: TopicWarning[] = [];
  const kept = `topic ${topic} keeps its records for ${hours(retentionMs)} (retention.ms=${retentionMs})`;
  if (retentionMs < horizonMs) {
    const sentence = `${kept}, less than the ${hours(horizonMs)} of kafka_replay_horizon_hours: older windows cannot be replayed`;
    warnings.push({ topic, kind: 'retention_below_horizon', sentence });
  }
  // Kafka goes by the records' own times where the producer sets them: old events are then deleted as soon as they come.
  if (settings.get('message.timestamp.type') !== 'LogAppendTime') {
    const young = await cluster.offsetsAt(topic, now - retentionMs);
    const eaten = ends.filter(
      ({ partition, low }) => partition.topic === topic && (young.get(partition.partition) ?? low) > low,
    );
    if (eaten.length > 0) {
      const partitions = eaten.map(({ partition }) => partition.partition).join(', ');
      const sentence = `${kept}, and holds records with older times in partition ${partitions}: Kafka deletes them within minutes; raise retention.ms or set it to -1`;
      warnings.push({ topic, kind: 'retention_eats_old_times', sentence });
    }
  }
  return warnings;
}

function hours(milliseconds: number): string {
  return `${Math.round(milliseconds / 36_000) / 100} h`;
}
