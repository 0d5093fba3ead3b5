import { withEndByHand, withTopicEnd } from '../../pipeline/completeness/ends.ts';
import {
  type FollowedTopic,
  hiddenOffsets,
  type Lateness,
  liveLateness,
  mustVouch,
  type Source,
  type SourceEnd,
  type Sources,
  storedUpTo,
  watermarkOf,
} from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Clock } from '../../pipeline/ports.ts';
import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import { inOrder } from './partition-status.ts';

/** A source as `tidemark partitions` and `GET /partitions` show it. */
export interface ListedPartition {
  readonly topic: string;
  /** Null for the topic itself: as long as `run` follows it, it may get further partitions. */
  readonly partition: number | null;
  readonly kind: 'live' | 'ended' | 'ended by hand' | 'not read';
  /** Null before its first batch, or where it was not recorded. */
  readonly first_offset: number | null;
  readonly next_offset: number | null;
  readonly watermark: string | null;
  /** What its watermark rests on; null where it has none. */
  readonly vouched_by: string | null;
  /** Why windows wait for it, or since when and by whom it is ended; null where there is nothing to say. */
  readonly reason: string | null;
}

/** All sources of a store, by topic and number, and then the topics that may get further partitions. */
export function listPartitions({ partitions, topics }: Sources, lateness: Lateness): readonly ListedPartition[] {
  const isRead = Array.from(partitions.values()).some(({ assignedAt }) => assignedAt !== null);
  return [
    ...inOrder(Array.from(partitions.values())).map(source => listSource(source, lateness)),
    ...topics.filter(({ declared }) => declared === null).map(topic => listTopic(topic, isRead, lateness)),
  ];
}

function listSource(source: Source, lateness: Lateness): ListedPartition {
  const watermark = watermarkOf(source, lateness);
  return {
    ...source.partition,
    kind: kindOf(source),
    first_offset: source.firstOffset,
    next_offset: source.nextOffset,
    watermark: watermark === null ? null : formatTimestamp(watermark),
    vouched_by: watermark === null ? null : basisOf(source),
    reason: reasonOf(source),
  };
}

/** `isRead`: whether this process follows its topics now. */
function listTopic({ topic, listedAt, end }: FollowedTopic, isRead: boolean, lateness: Lateness): ListedPartition {
  const watermark = listedAt === null ? null : listedAt - liveLateness(lateness);
  const unread = 'no process with this database follows it, so it is not known whether partitions were added';
  return {
    ...{ topic, partition: null, first_offset: null, next_offset: null },
    kind: end !== null ? 'ended by hand' : isRead ? 'live' : 'not read',
    watermark: watermark === null ? null : formatTimestamp(watermark),
    vouched_by: listedAt === null ? null : `its partitions as they were listed at ${formatTimestamp(listedAt)}`,
    reason: end?.by === 'hand' ? endedBy(end) : isRead ? null : unread,
  };
}

function kindOf(source: Source): ListedPartition['kind'] {
  if (source.end !== null) return source.end.by === 'hand' ? 'ended by hand' : 'ended';
  return source.kind === 'live' && source.assignedAt === null ? 'not read' : 'live';
}

function basisOf({ kind, vouchedAt, latestEvent }: Source): string {
  if (kind === 'live') return `all that the log held at ${formatTimestamp(vouchedAt!)} is stored`;
  return `its latest event, of ${formatTimestamp(latestEvent!)}`;
}

function reasonOf(source: Source): string | null {
  const { end, changed, kind, look, assignedAt } = source;
  if (end?.by === 'hand') return endedBy(end);
  if (end !== null) return null;
  if (changed !== null) return `its log has changed: ${changed}`;
  if (kind !== 'live') return 'ingest has not read it to its end';
  if (assignedAt === null) return mustVouch(source) ? 'no process with this database reads it' : 'no longer followed';
  const behind = look === null ? 0 : look.high - (storedUpTo(source) ?? 0);
  if (look === null || behind <= 0) return null;
  const hidden = hiddenOffsets(source);
  return hidden === null
    ? `${behind} of its records are not stored`
    : `an open transaction hides offsets ${hidden.from} to ${hidden.to - 1}`;
}

function endedBy({ who, at }: SourceEnd & { readonly by: 'hand' }): string {
  return `ended by ${who} at ${formatTimestamp(at)}`;
}

interface EndByHand {
  /** Its `partition` is null for a topic itself. */
  readonly partition: Pick<ListedPartition, 'topic' | 'partition'>;
  /** Who ends it, for manifests. */
  readonly who: string;
  readonly clock: Clock;
}

/**
 * Ends a source, or a topic that no process follows any more, by hand (contract 4.27). Throws `PARTITION_UNKNOWN`, and
 * `PARTITION_READ` for one that this process reads: its next event would make it live again.
 */
export async function endPartition(
  warehouse: Pick<Warehouse, 'sources' | 'record'>,
  { partition: { topic, partition }, who, clock }: EndByHand,
): Promise<void> {
  const name = partition === null ? topic : partitionName({ topic, partition });
  const find = (): ListedPartition | undefined =>
    listPartitions(warehouse.sources(), { allowedMs: 0, clockMs: 0 }).find(
      listed => listed.topic === topic && listed.partition === partition,
    );
  const end: SourceEnd = { by: 'hand', who, at: clock.now() };
  const listed = find();
  if (listed === undefined) throw unknownPartition(name);
  if (isRead(warehouse.sources(), { topic, partition })) throw readPartition(name);
  if (listed.kind === 'ended' || listed.kind === 'ended by hand') return;
  await warehouse.record(sources =>
    partition === null ? withTopicEnd(sources, topic, end) : withEndByHand(sources, { topic, partition }, end),
  );
  // It may have been assigned to this process meanwhile.
  if (find()?.kind !== 'ended by hand') throw readPartition(name);
}

/** Whether this process reads a partition; of a topic, whether it reads anything: it then follows all its topics. */
function isRead({ partitions }: Sources, { topic, partition }: EndByHand['partition']): boolean {
  if (partition !== null) return (partitions.get(partitionName({ topic, partition }))?.assignedAt ?? null) !== null;
  return Array.from(partitions.values()).some(({ assignedAt }) => assignedAt !== null);
}

function unknownPartition(name: string): TidemarkError {
  const allowed = 'allowed are those that tidemark partitions lists';
  return new TidemarkError('PARTITION_UNKNOWN', `there is no partition or topic ${name}; ${allowed}`);
}

function readPartition(name: string): TidemarkError {
  const allowed = 'allowed are partitions and topics that are not read';
  return new TidemarkError('PARTITION_READ', `${name} is read by this service, so it has not ended; ${allowed}`);
}
