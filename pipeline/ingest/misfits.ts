import type { Misfit } from '../../schemas/decode.ts';
import { partitionName } from '../partition.ts';
import type { PartitionId } from '../ports.ts';

/** The newest records of a partition that are counted, and from how many on they say anything. */
const countedRecords = 1_000;
const leastRecords = 100;

const descriptions: Readonly<Record<Misfit, string>> = {
  'no registry': 'their values begin as Avro does, and no schema registry is configured; set registry_url',
  'unknown schema': 'the schema registry does not have their schemas; correct registry_url, or register the schemas',
  'unreadable key': 'their keys cannot be decoded; correct key_format',
  'key mismatch':
    'their keys are not their service_ids; correct key_format, or let producers use the service_id as the key',
};

/** A record of a batch, by its number in the batch, that seems not to fit the configuration. */
export interface FoundMisfit {
  readonly index: number;
  readonly kind: Misfit;
}

interface Counted {
  /** Records counted since the start. */
  readonly records: number;
  /** The numbers of those that do not fit, oldest first, as far as they belong to the newest records. */
  readonly misfits: readonly number[];
}

/**
 * Watches for a configuration that does not fit the records (contract 1.19): when too many of the newest 1,000 records of
 * a partition seem not to fit, the batch that shows it must not be stored, because its records would be quarantined for
 * good.
 */
export class MisfitWatch {
  readonly #maxPercent: number;
  readonly #counted = new Map<string, Counted>();

  /** 100 allows any number. */
  constructor(maxPercent: number) {
    this.#maxPercent = maxPercent;
  }

  /**
   * Counts the records of a batch. Returns why the batch must not be stored, with the cure of the commonest kind, and
   * then does not count it; null where it may be stored. The result does not depend on how records are cut into batches.
   */
  check(partition: PartitionId, records: number, found: readonly FoundMisfit[]): string | null {
    const name = partitionName(partition);
    const before = this.#counted.get(name) ?? { records: 0, misfits: [] };
    const numbers = found.map(({ index }) => before.records + index + 1);
    const after = before.records + records;
    // The share is highest at a misfit, or where there are just enough records to judge.
    const judgedAt = before.records < leastRecords && after >= leastRecords ? [leastRecords, ...numbers] : numbers;
    const all = [...before.misfits, ...numbers];
    if (judgedAt.some(at => this.#exceeds(all, at))) return describe(found);
    this.#counted.set(name, { records: after, misfits: newest(all, after) });
    return null;
  }

  #exceeds(misfits: readonly number[], at: number): boolean {
    const judged = Math.min(at, countedRecords);
    const count = countUpTo(misfits, at) - countUpTo(misfits, at - judged);
    return judged >= leastRecords && count * 100 > this.#maxPercent * judged;
  }
}

function newest(misfits: readonly number[], records: number): readonly number[] {
  return misfits.slice(countUpTo(misfits, records - countedRecords));
}

/** How many of the ascending numbers are at most `most`. */
function countUpTo(numbers: readonly number[], most: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! <= most) low = middle + 1;
    else high = middle;
  }
  return low;
}

function describe(found: readonly FoundMisfit[]): string {
  const counts = new Map<Misfit, number>();
  for (const { kind } of found) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const [commonest] = [...counts].toSorted(([, one], [, other]) => other - one);
  const cause = commonest === undefined ? 'the records before it did not fit either' : descriptions[commonest[0]];
  return `nearly all records seem not to fit the configuration: ${cause}`;
}
