import { partitionName } from '../../../pipeline/partition.ts';
import type { PartitionId } from '../../../pipeline/ports.ts';
import type { KafkaOptions } from '../client/options.ts';
import type { FetchedRecords } from '../records/fetched-records.ts';
import type { Policies } from './lost-records.ts';

/** What is read of the topics. */
export interface ReadingRange {
  /** The offset at which the reading of a partition ends, exclusive: infinity where it does not end, null where nothing of it is read. */
  endOf(partition: PartitionId): number | null;
  policiesOf(partition: PartitionId): Policies;
}

/** Everything that the topics hold and will hold. */
export function endlessRange(policies: Policies): ReadingRange {
  return { endOf: () => Number.POSITIVE_INFINITY, policiesOf: () => policies };
}

/** A part of one partition, `[from, until)`. */
interface PartRange {
  readonly partition: PartitionId;
  readonly until: number;
  /** Whether records that were deleted or are damaged are skipped, and the gap is stored. */
  readonly mayHaveGaps: boolean;
}

/** These parts, and nothing else of the topics. */
export function rangeOf(parts: readonly PartRange[]): ReadingRange {
  const byName = new Map(parts.map(part => [partitionName(part.partition), part]));
  const policy = (partition: PartitionId): KafkaOptions['onLostRecords'] =>
    byName.get(partitionName(partition))?.mayHaveGaps ? 'skip' : 'stop';
  return {
    endOf: partition => byName.get(partitionName(partition))?.until ?? null,
    policiesOf: partition => ({ onLostRecords: policy(partition), onDamagedBatch: policy(partition) }),
  };
}

/** The fetch without what lies at or after the end. A damaged batch is one thing: it is left whole. */
export function upTo(fetched: FetchedRecords, end: number): FetchedRecords {
  const { records, from, nextOffset, damage } = fetched;
  if (nextOffset <= end || damage !== null) return fetched;
  return { ...fetched, records: records.slice(0, records.indexOf(end)), nextOffset: Math.max(from, end) };
}
