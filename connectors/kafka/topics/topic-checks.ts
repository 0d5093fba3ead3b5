import type { LogEnd } from '../../../pipeline/ports.ts';
import type { KafkaCluster } from './cluster.ts';

/** What the service uses a topic for. */
export type TopicRole = 'events' | 'control' | 'status';

export interface CheckedTopic {
  readonly topic: string;
  readonly role: TopicRole;
}

/** What is wrong, or will be, with a topic. */
export interface TopicFinding {
  readonly topic: string;
  readonly kind: 'compacted' | 'retention_below_horizon' | 'near_retention' | 'short_retention' | 'no_right' | 'shared';
  /** `refuse`: no reading may begin. `unready`: the service cannot do all of its work. `warn`: somebody should know. */
  readonly weight: 'refuse' | 'unready' | 'warn';
  readonly sentence: string;
}

export interface TopicChecks {
  readonly cluster: Pick<KafkaCluster, 'topicSettings' | 'offsetsAt' | 'look' | 'mayWrite' | 'groupsReading'>;
  readonly topics: readonly CheckedTopic[];
  /** The group that reads the control topic for this service; any other one is reported. */
  readonly controlGroup: string | null;
  /** One of the brokers, for the commands in messages. */
  readonly broker: string;
  /** The age of the oldest events that a replay needs (`kafka_replay_horizon_hours`). */
  readonly horizonMs: number;
  /** In milliseconds since 1970 UTC. */
  readonly now: number;
}

export interface TopicsFound {
  readonly findings: readonly TopicFinding[];
  /** Why topics could not be checked, such as a missing right; the others were. */
  readonly failures: readonly unknown[];
  /** Retention in milliseconds by topic, of the topics of events that delete records by their producers' timestamps. */
  readonly retentions: ReadonlyMap<string, number>;
}

/** An upper bound of the time until Kafka deletes an expired segment; by default it looks for them every 5 minutes. */
const deletionCheckMs = 3_600_000;
/** Requests and statuses should be there this long, so that neither the service nor a client misses one over a night. */
const leastRetentionMs = 86_400_000;

/**
 * Checks the settings of each topic, the right to write statuses, and who else reads the control topic. Throws what
 * `KafkaCluster.look` throws, such as `TOPIC_UNFIT` for a missing topic.
 */
export async function checkTopics(checks: TopicChecks): Promise<TopicsFound> {
  const { ends } = await checks.cluster.look();
  const checked = await Promise.allSettled(checks.topics.map(topic => checkTopic(topic, ends, checks)));
  const found = checked.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  const failures = checked.flatMap(result => (result.status === 'rejected' ? [result.reason] : []));
  const retentions = new Map(
    found.flatMap(({ topic, retentionMs }) => (retentionMs === null ? [] : [[topic, retentionMs] as const])),
  );
  return { findings: found.flatMap(({ findings }) => findings), failures, retentions };
}

interface FoundOfTopic {
  readonly topic: string;
  readonly findings: readonly TopicFinding[];
  /** Null when the topic deletes nothing by its producers' timestamps, or holds no events. */
  readonly retentionMs: number | null;
}

async function checkTopic(
  { topic, role }: CheckedTopic,
  ends: readonly LogEnd[],
  checks: TopicChecks,
): Promise<FoundOfTopic> {
  const settings = await checks.cluster.topicSettings(topic);
  const policy = settings.get('cleanup.policy') ?? 'delete';
  const findings: TopicFinding[] = policy.split(',').includes('compact') ? [compacted(topic, role, checks)] : [];
  const retentionMs = Number(settings.get('retention.ms') ?? -1);
  if (role === 'events') {
    if (findings.length > 0 || retentionMs < 0) return { topic, findings, retentionMs: null };
    return checkRetention(topic, { settings, retentionMs, ends, checks });
  }
  if (retentionMs >= 0 && retentionMs < leastRetentionMs) findings.push(shortRetention(topic, role, retentionMs));
  if (role === 'status' && (await checks.cluster.mayWrite(topic)) === false) findings.push(noRight(topic, checks));
  if (role === 'control') findings.push(...(await otherReaders(topic, checks)));
  return { topic, findings, retentionMs: null };
}

interface TopicRetention {
  readonly settings: ReadonlyMap<string, string>;
  readonly retentionMs: number;
  readonly ends: readonly LogEnd[];
  readonly checks: TopicChecks;
}

/**
 * Finds also records that were already older than the retention when they were written, such as those of a replayed
 * month. Kafka deletes a segment when its youngest record is older than the retention, and by default uses the producers'
 * timestamps (`CreateTime`). When records are written with the current time, a segment spans at most `segment.ms`, so no
 * record that still exists is older than the retention, `segment.ms` and one deletion check together. An older one was old
 * when it was written; Kafka will delete it soon, and others like it. Records written later are checked by
 * `RetentionWatch`.
 */
async function checkRetention(topic: string, retention: TopicRetention): Promise<FoundOfTopic> {
  const { settings, retentionMs, ends, checks } = retention;
  const findings: TopicFinding[] = [];
  if (retentionMs < checks.horizonMs) {
    const sentence = `${retentionPhrase(topic, retentionMs)}, less than the ${hours(checks.horizonMs)} of kafka_replay_horizon_hours: older windows cannot be replayed`;
    findings.push({ topic, kind: 'retention_below_horizon', weight: 'warn', sentence });
  }
  if (settings.get('message.timestamp.type') === 'LogAppendTime') return { topic, findings, retentionMs: null };
  const maxUsualAgeMs = retentionMs + Number(settings.get('segment.ms') ?? 0) + deletionCheckMs;
  const firstUsual = await checks.cluster.offsetsAt(topic, checks.now - maxUsualAgeMs);
  const partitions = ends
    .filter(({ partition, low }) => partition.topic === topic && (firstUsual.get(partition.partition) ?? low) > low)
    .map(({ partition }) => partition.partition);
  if (partitions.length > 0) {
    const oldRecords = `records of partition ${partitions.join(', ')} were already older than that when they were written`;
    findings.push(nearRetention(topic, retentionMs, oldRecords));
  }
  return { topic, findings, retentionMs };
}

const compaction: Readonly<Record<TopicRole, Pick<TopicFinding, 'weight'> & { readonly loss: string }>> = {
  events: { weight: 'refuse', loss: 'only the newest event of each service is kept' },
  control: { weight: 'unready', loss: 'a request is lost when another one, or its cancellation, has the same id' },
  status: { weight: 'warn', loss: 'only the last status of each request is kept' },
};

function compacted(topic: string, role: TopicRole, { broker }: TopicChecks): TopicFinding {
  const { weight, loss } = compaction[role];
  const command = `kafka-configs.sh --bootstrap-server ${broker} --alter --entity-type topics --entity-name ${topic} --add-config cleanup.policy=delete`;
  return {
    topic,
    kind: 'compacted',
    weight,
    sentence: `topic ${topic} is compacted: ${loss}; mend it with: ${command}`,
  };
}

function shortRetention(topic: string, role: TopicRole, retentionMs: number): TopicFinding {
  const what = role === 'control' ? 'requests that are not served' : 'statuses that are not read';
  const sentence = `${retentionPhrase(topic, retentionMs)}: ${what} within that time are lost; raise retention.ms`;
  return { topic, kind: 'short_retention', weight: 'warn', sentence };
}

function noRight(topic: string, { broker }: TopicChecks): TopicFinding {
  const command = `kafka-acls.sh --bootstrap-server ${broker} --add --allow-principal User:<user> --operation Write --topic ${topic}`;
  const sentence = `statuses cannot be sent: the right WRITE on topic ${topic} is missing; grant it with: ${command}`;
  return { topic, kind: 'no_right', weight: 'unready', sentence };
}

async function otherReaders(topic: string, { cluster, controlGroup }: TopicChecks): Promise<readonly TopicFinding[]> {
  const others = (await cluster.groupsReading(topic)).filter(group => group !== controlGroup);
  if (others.length === 0) return [];
  const sentence = `other consumer groups have committed offsets on the control topic ${topic}: ${others.join(', ')}; if one is another service, both serve each request: give each a topic of its own`;
  return [{ topic, kind: 'shared', weight: 'warn', sentence }];
}

/** The warning that Kafka deletes old records soon. `oldRecords` is a clause such as "records of partition 0 were older". */
export function nearRetention(topic: string, retentionMs: number, oldRecords: string): TopicFinding {
  const sentence = `${retentionPhrase(topic, retentionMs)}, and ${oldRecords}: Kafka compares the records' own timestamps and deletes such records within minutes; raise retention.ms or set it to -1`;
  return { topic, kind: 'near_retention', weight: 'warn', sentence };
}

function retentionPhrase(topic: string, retentionMs: number): string {
  return `topic ${topic} keeps its records for ${hours(retentionMs)} (retention.ms=${retentionMs})`;
}

function hours(milliseconds: number): string {
  return `${Math.round(milliseconds / 36_000) / 100} h`;
}
