import type { ControlOverview } from '../../connectors/duckdb/overview.ts';
import { byTopicAndNumber, isSamePartition } from '../../pipeline/partition.ts';
import type { LogEnd } from '../../pipeline/ports.ts';

/** How far the control topic was read, and how many statuses wait to be sent. */
export interface ControlStatus {
  readonly partitions: readonly ControlPartition[];
  /** Statuses in the outbox: written and not known to be sent. */
  readonly statuses_waiting: number;
}

export interface ControlPartition {
  readonly topic: string;
  readonly partition: number;
  readonly stored_offset: number;
  /** Null while the topic does not answer, or when the partition is not assigned to this process. */
  readonly log_end: number | null;
  readonly lag_records: number | null;
}

/** Every partition of the control topic that was read or is assigned, by topic and number. */
export function controlStatus({ positions, statusesWaiting }: ControlOverview, ends: readonly LogEnd[]): ControlStatus {
  const unread = ends.filter(({ partition }) => !positions.some(read => isSamePartition(read.partition, partition)));
  const all = [...positions, ...unread.map(({ partition, low }) => ({ partition, nextOffset: low }))];
  const partitions = all.map(({ partition: id, nextOffset }): ControlPartition => {
    const end = ends.find(({ partition }) => isSamePartition(partition, id));
    const [logEnd, lag] = end === undefined ? [null, null] : [end.high, Math.max(end.high - nextOffset, 0)];
    return { ...id, stored_offset: nextOffset, log_end: logEnd, lag_records: lag };
  });
  return { partitions: partitions.toSorted(byTopicAndNumber), statuses_waiting: statusesWaiting };
}
