import { TidemarkError } from '../../../pipeline/errors.ts';
import type { LogEnd } from '../../../pipeline/ports.ts';
import type { KafkaCluster } from './cluster.ts';

export interface TopicWarning {
  readonly topic: string;
  readonly kind: 'retention_below_horizon' | 'near_retention';
  readonly sentence: string;
}

interface TopicChecks {
  readonly cluster: Pick<KafkaCluster, 'topicSettings' | 'offsetsAt' | 'look'>;
  readonly topics: readonly string[];
  /** The age of the oldest events that a replay needs (`kafka_replay_horizon_hours`). */
  readonly horizonMs: number;
  /** In milliseconds since 1970 UTC. */
  readonly now: number;
}

interface CheckedTopics {
  /** Problems that will lose events later, but need not stop the service now. */
  readonly warnings: readonly TopicWarning[];
  /** Retention in milliseconds by topic, of the topics that delete records by their producers' timestamps. */
  readonly retentions: ReadonlyMap<string, number>;
}

/** An upper bound of the time until Kafka deletes an expired segment; by default it looks for them every 5 minutes. */
const deletionCheckMs = 3_600_000;

/**
 * Checks how long each topic keeps its records, and warns of topics that will lose events. Throws `TOPIC_UNFIT` for a
 * compacted topic, because compaction keeps only the newest event of each service.
 *
 * It also finds records that were already older than the retention when they were written, such as those of a replayed
 * month. Kafka deletes a segment when its youngest record is older than the retention, and by default uses the producers'
 * timestamps (`CreateTime`). When records are written with the current time, a segment spans at most `segment.ms`, so no
 * record that still exists is older than the retention, `segment.ms` and one deletion check together. An older one was old
 * when it was written; Kafka will delete it soon, and others like it. Records written later are checked by
 * `RetentionWatch`.
 */
export async function checkTopics(checks: TopicChecks): Promise<CheckedTopics> {
  const { ends } = await checks.cluster.look();
  const checked = await Promise.all(checks.topics.map(topic => checkTopic(topic, ends, checks)));
  const retentions = new Map<string, number>();
  for (const { topic, retentionMs } of checked) if (retentionMs !== null) retentions.set(topic, retentionMs);
  return { warnings: checked.flatMap(({ warnings }) => warnings), retentions };
}

interface CheckedTopic {
  readonly topic: string;
  readonly warnings: readonly TopicWarning[];
  /** Null when the topic deletes nothing by its producers' timestamps. */
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
      `topic ${topic} has cleanup.policy=${policies.join(',')}: compaction keeps only the newest record of each key; allowed is delete`,
    );
  }
  const retentionMs = Number(settings.get('retention.ms') ?? -1);
  if (retentionMs < 0) return { topic, warnings: [], retentionMs: null };
  const warnings: TopicWarning[] = [];
  if (retentionMs < horizonMs) {
    const sentence = `${retentionPhrase(topic, retentionMs)}, less than the ${hours(horizonMs)} of kafka_replay_horizon_hours: older windows cannot be replayed`;
    warnings.push({ topic, kind: 'retention_below_horizon', sentence });
  }
  if (settings.get('message.timestamp.type') === 'LogAppendTime') return { topic, warnings, retentionMs: null };
  const maxUsualAgeMs = retentionMs + Number(settings.get('segment.ms') ?? 0) + deletionCheckMs;
  const firstUsual = await cluster.offsetsAt(topic, now - maxUsualAgeMs);
  const partitions = ends
    .filter(({ partition, low }) => partition.topic === topic && (firstUsual.get(partition.partition) ?? low) > low)
    .map(({ partition }) => partition.partition);
  if (partitions.length > 0) {
    const oldRecords = `records of partition ${partitions.join(', ')} were already older than that when they were written`;
    warnings.push(nearRetention(topic, retentionMs, oldRecords));
  }
  return { topic, warnings, retentionMs };
}

/** The warning that Kafka deletes old records soon. `oldRecords` is a clause such as "records of partition 0 were older". */
export function nearRetention(topic: string, retentionMs: number, oldRecords: string): TopicWarning {
  const sentence = `${retentionPhrase(topic, retentionMs)}, and ${oldRecords}: Kafka compares the records' own timestamps and deletes such records within minutes; raise retention.ms or set it to -1`;
  return { topic, kind: 'near_retention', sentence };
}

function retentionPhrase(topic: string, retentionMs: number): string {
  return `topic ${topic} keeps its records for ${hours(retentionMs)} (retention.ms=${retentionMs})`;
}

function hours(milliseconds: number): string {
  return `${Math.round(milliseconds / 36_000) / 100} h`;
}
