import { TidemarkError } from '../../../pipeline/errors.ts';
import type { LogEnd } from '../../../pipeline/ports.ts';
import type { KafkaCluster } from './cluster.ts';

export interface TopicWarning {
  readonly topic: string;
  readonly kind: 'retention_below_horizon' | 'near_retention';
  readonly sentence: string;
}

export interface TopicChecks {
  readonly cluster: Pick<KafkaCluster, 'topicSettings' | 'offsetsAt' | 'ends'>;
  readonly topics: readonly string[];
  /** How far back a replay must reach. */
  readonly horizonMs: number;
  readonly now: number;
}

export interface CheckedTopics {
  /** What will hurt later. */
  readonly warnings: readonly TopicWarning[];
  /** How long records are kept, in milliseconds, of topics that delete by the times which producers set. */
  readonly retentions: ReadonlyMap<string, number>;
}

/** Within this time Kafka deletes a segment that may go; by default it looks every 5 minutes. */
const sweepMs = 3_600_000;

/**
 * Reads how long each topic keeps its records. Throws `TOPIC_UNFIT` for one that is compacted, for it keeps one event a
 * service.
 *
 * Kafka deletes whole segments, each when its youngest record is older than the retention, and goes by the times which
 * producers set (`CreateTime`). In a topic whose records come with the time of the day a segment spans `segment.ms` at
 * most, so none is older than retention, segment and one sweep together, however long the topic lives. Records which are
 * older, and still there, were old when they came: Kafka is about to delete them, and all that follow of their sort. What
 * comes later is watched by `RetentionWatch`.
 */
export async function checkTopics(checks: TopicChecks): Promise<CheckedTopics> {
  const ends = await checks.cluster.ends();
  const found = await Promise.all(checks.topics.map(topic => checkTopic(topic, ends, checks)));
  const retentions = new Map<string, number>();
  for (const { topic, retentionMs } of found) if (retentionMs !== null) retentions.set(topic, retentionMs);
  return { warnings: found.flatMap(({ warnings }) => warnings), retentions };
}

interface CheckedTopic {
  readonly topic: string;
  readonly warnings: readonly TopicWarning[];
  /** Null where nothing is deleted by times of producers. */
  readonly retentionMs: number | null;
}

async function checkTopic(
  topic: string,
  ends: readonly LogEnd[],
  { cluster, horizonMs, now }: TopicChecks,
): Promise<CheckedTopic> {
  const settings = await cluster.topicSettings(topic);
  const policies = (settings.get('cleanup.policy') ?? 'delete').split(',');
  if (policies.includes('compact')) {
    throw new TidemarkError(
      'TOPIC_UNFIT',
      `topic ${topic} has cleanup.policy=${policies.join(',')}: compaction keeps one record a key and deletes the others; allowed is delete`,
    );
  }
  const retentionMs = Number(settings.get('retention.ms') ?? -1);
  if (retentionMs < 0) return { topic, warnings: [], retentionMs: null };
  const warnings: TopicWarning[] = [];
  if (retentionMs < horizonMs) {
    const sentence = `${keeping(topic, retentionMs)}, less than the ${hours(horizonMs)} of kafka_replay_horizon_hours: older windows cannot be replayed`;
    warnings.push({ topic, kind: 'retention_below_horizon', sentence });
  }
  if (settings.get('message.timestamp.type') === 'LogAppendTime') return { topic, warnings, retentionMs: null };
  const healthyMs = retentionMs + Number(settings.get('segment.ms') ?? 0) + sweepMs;
  const young = await cluster.offsetsAt(topic, now - healthyMs);
  const old = ends.filter(
    ({ partition, low }) => partition.topic === topic && (young.get(partition.partition) ?? low) > low,
  );
  if (old.length > 0) {
    const partitions = old.map(({ partition }) => partition.partition).join(', ');
    const what = `records of partition ${partitions} were older than that when they came`;
    warnings.push(nearRetention(topic, retentionMs, what));
  }
  return { topic, warnings, retentionMs };
}

/** The warning that old records are deleted; `what` says which those are. */
export function nearRetention(topic: string, retentionMs: number, what: string): TopicWarning {
  const sentence = `${keeping(topic, retentionMs)}, and ${what}: Kafka goes by the records' own times and deletes such ones within minutes; raise retention.ms or set it to -1`;
  return { topic, kind: 'near_retention', sentence };
}

function keeping(topic: string, retentionMs: number): string {
  return `topic ${topic} keeps its records for ${hours(retentionMs)} (retention.ms=${retentionMs})`;
}

function hours(milliseconds: number): string {
  return `${Math.round(milliseconds / 36_000) / 100} h`;
}
