import { foldBatch } from '../../pipeline/ingest/batch-folding.ts';
import type { FoldedBatch } from '../../pipeline/ingest/warehouse.ts';
import type { ClusterIds, LogRecord, LostRecords, PartitionId, SourceKind } from '../../pipeline/ports.ts';

/** Small numbers of milliseconds stand for times from here on: the year 1970 would be no time of an event before it. */
import type { KeyFormat } from '../../schemas/cures.ts';

const begin = Date.parse('2026-03-01T00:00:00Z');

export function at(milliseconds: number): number {
  return begin + milliseconds;
}

export type EventVerb =
  | 'service.started'
  | 'service.completed'
  | 'service.associated'
  | 'service.deleted'
  | 'state.started'
  | 'task.started'
  | 'extension.updated';

const required: Readonly<Partial<Record<EventVerb, object>>> = {
  'service.associated': { customer_id: 'c' },
  'state.started': { state_id: 's' },
  'task.started': { task_id: 't' },
  'extension.updated': { entity: 'service', name: 'n', value: 1 },
};

/** A record of one event. `time` is the event's own, `logTime` the log's, in milliseconds since `at(0)`; null: it has none. */
export interface EventRecord {
  readonly offset: number;
  readonly event: EventVerb;
  readonly service: string;
  readonly time: number | null;
  readonly logTime?: number | null;
}

export function recordOf({ offset, event, service, time, logTime = null }: EventRecord): LogRecord {
  const timestamp = time === null ? {} : { timestamp: new Date(at(time)).toISOString() };
  const value = Buffer.from(JSON.stringify({ event, service_id: service, ...required[event], ...timestamp }));
  return { offset, timestamp: logTime === null ? null : at(logTime), key: null, value, headers: [] };
}

export interface BatchOf {
  readonly partition: PartitionId;
  readonly kind?: SourceKind;
  readonly from: number;
  /** Where reading goes on; without it, after the last record. */
  readonly next?: number;
  readonly lost?: LostRecords;
  readonly ids?: ClusterIds;
  readonly keyFormat?: KeyFormat;
  readonly records?: readonly EventRecord[];
  /** The clock as the records are read. */
  readonly now?: number;
}

/** A batch as the real fold makes it. */
export function batchOf({
  partition,
  kind = 'live',
  from,
  next,
  lost,
  ids,
  keyFormat = 'string',
  records = [],
  now = 1_000,
}: BatchOf): FoldedBatch {
  const nextOffset = next ?? (records.at(-1)?.offset ?? from - 1) + 1;
  return foldBatch(
    {
      ...{ partition, kind, from, bytesRead: 0, origin: partition.topic },
      records: records.map(recordOf),
      next: { nextOffset, bookmark: null },
      ...(lost === undefined ? {} : { lost }),
      ...(ids === undefined ? {} : { ids }),
    },
    { keyFormat, clock: { now: () => at(now) } },
  );
}
