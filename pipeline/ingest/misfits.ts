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

/** The records of a batch, and those of them that seem not to fit. */
interface CountedBatch {
  readonly records: number;
  readonly misfits: readonly FoundMisfit[];
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
   * then does not count it; null where it may be stored. It is judged at each of its misfits, so that the result does not
   * depend on how records are cut into batches, and a batch without any is always stored.
   */
  check(partition: PartitionId, { records, misfits: found }: CountedBatch): string | null {
    const before = this.#before(partition);
    const numbers = found.map(({ index }) => before.records + index + 1);
    const all = [...before.misfits, ...numbers];
    if (numbers.some(at => this.#exceeds(all, at))) return this.#describe(found);
    this.#count(partition, before.records + records, all);
    return null;
  }

  /**
   * As `check`, for a batch that was not stored and is read again. It is judged by its own records alone: what was stored
   * before it cannot change, and would make it wait for ever.
   */
  checkAgain(partition: PartitionId, { records, misfits: found }: CountedBatch): string | null {
    const numbers = found.map(({ index }) => index + 1);
    const isSmall = records < leastRecords && found.length * 100 > this.#maxPercent * records;
    if (isSmall || numbers.some(at => this.#exceeds(numbers, at))) return this.#describe(found);
    const before = this.#before(partition);
    this.#count(partition, before.records + records, [...before.misfits, ...numbers.map(at => before.records + at)]);
    return null;
  }

  #before(partition: PartitionId): Counted {
    return this.#counted.get(partitionName(partition)) ?? { records: 0, misfits: [] };
  }

  #count(partition: PartitionId, records: number, misfits: readonly number[]): void {
    this.#counted.set(partitionName(partition), { records, misfits: newest(misfits, records) });
  }

  #exceeds(misfits: readonly number[], at: number): boolean {
    const judged = Math.min(at, countedRecords);
    const count = countUpTo(misfits, at) - countUpTo(misfits, at - judged);
    return judged >= leastRecords && count * 100 > this.#maxPercent * judged;
  }

  #describe(found: readonly FoundMisfit[]): string {
    const counts = new Map<Misfit, number>();
    for (const { kind } of found) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    const [[commonest] = []] = [...counts].toSorted(([, one], [, other]) => other - one);
    // A batch is only held at a misfit of its own.
    const cause = descriptions[commonest!];
    return `more than ${this.#maxPercent} % of the newest records seem not to fit the configuration: ${cause}`;
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
