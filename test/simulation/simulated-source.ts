import type { LiveSource } from '../../ops/service/live-source.ts';
import type { AssignedPartition, Look } from '../../pipeline/completeness/changes.ts';
import type { Sources } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { LogEnd } from '../../pipeline/ports.ts';
import { at } from '../support/event-batches.ts';
import type { Law } from './law.ts';
import type { Mistake } from './mistake.ts';
import { nameOfNumber, partitionCount, topicPartitions } from './operations.ts';
import { partitionOf, type World } from './world.ts';

type LookAnswer = Omit<Look, 'at'>;

/** A look that waits for its answer, which comes in two steps: the broker reads the ends, and they arrive. */
interface RunningLook {
  readonly positions: readonly number[];
  answer: LookAnswer | null;
  resolve(answer: LookAnswer): void;
  reject(error: Error): void;
}

interface SourceParts {
  readonly world: World;
  readonly law: Law;
  readonly mistake: Mistake;
  readonly sources: () => Sources;
}

/** The topic as the service sees it. Looks are answered step by step. */
export class SimulatedSource
  implements Pick<LiveSource, 'look' | 'assigned' | 'commit' | 'name' | 'problem' | 'topics'>
{
  readonly #parts: SourceParts;
  #running: RunningLook | null = null;
  /** What could be read as the ends of a look were read, by the list of its ends. */
  readonly #stable = new WeakMap<readonly LogEnd[], readonly number[]>();

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  name = (): string => 'a simulated broker';
  problem = (): null => null;
  commit = async (): Promise<void> => undefined;

  topics() {
    const { isFollowed, declared, takenForDeclared } = this.#parts.world;
    return isFollowed ? [{ topic: 'calls', declared: declared ?? takenForDeclared }] : [];
  }

  assigned(): readonly AssignedPartition[] {
    return Array.from(this.#parts.world.assigned, ([partition, start]) => ({
      partition: partitionOf(partition),
      at: start,
    }));
  }

  look(): Promise<LookAnswer> {
    const { sources, world } = this.#parts;
    const known = sources().partitions;
    const positions = Array.from(
      { length: topicPartitions },
      (_, partition) => known.get(partitionName(partitionOf(partition)))?.nextOffset ?? 0,
    );
    world.highestRead = Math.max(world.highestRead, world.storeNow);
    world.say(() => 'the store asks for the ends');
    return new Promise((resolve, reject) => {
      this.#running = { positions, answer: null, resolve, reject };
    });
  }

  /** The stable ends at a look, by partition. */
  stableAt(look: Pick<Look, 'ends'>): readonly number[] {
    return this.#stable.get(look.ends) ?? [];
  }

  get isLooking(): boolean {
    return this.#running !== null;
  }

  /** Lets the broker read the ends, or, when it has, lets them arrive. */
  step(fails: boolean): void {
    const running = this.#running;
    if (running === null) return;
    if (fails) {
      this.#running = null;
      this.#parts.world.say(() => 'the broker does not answer');
      running.reject(new TidemarkError('SOURCE_UNREACHABLE', 'the broker does not answer'));
    } else if (running.answer === null) running.answer = this.#read(running);
    else {
      this.#running = null;
      this.#noteCuts(running);
      const { world, mistake } = this.#parts;
      const isLate = mistake.seams?.includes('the clock is read after the ends');
      running.resolve(isLate ? ({ ...running.answer, at: at(world.storeNow) } as LookAnswer) : running.answer);
    }
  }

  /** A record whose place in the log was taken by another one before the next look is lost unseen. */
  noteUnseen(partition: number): void {
    const { world, law } = this.#parts;
    const position = law.positions[partition] ?? 0;
    const isSeen = world.seenCut.has(partition) || this.#isBelow(partition);
    if (isSeen) return;
    for (const record of world.log(partition).records.slice(law.firstOffsets[partition] ?? 0, position))
      if (!record.isStored && !record.isInGap) record.isLostUnseen = true;
  }

  #read(running: RunningLook): LookAnswer {
    const { world, mistake } = this.#parts;
    const numbers = Array.from({ length: world.partitions }, (_, partition) => partition);
    const isListed = (partition: number): boolean =>
      (world.declared ?? world.takenForDeclared)?.includes(partition) ?? true;
    const isAsked = (partition: number): boolean =>
      (isListed(partition) && !mistake.seams?.includes('looks ask only for what is read')) ||
      world.assigned.has(partition);
    const ends = numbers.filter(isAsked).map(partition => {
      const { low, stable, high } = world.log(partition);
      return { partition: partitionOf(partition), low, stable, high };
    });
    const stable = new Array(partitionCount).fill(0);
    for (const partition of numbers)
      if ((world.declared?.includes(partition) ?? true) || world.assigned.has(partition))
        stable[partition] = world.log(partition).stable;
    this.#stable.set(ends, stable);
    for (const { partition, high } of ends)
      if (high >= running.positions[partition.partition]!) this.noteUnseen(partition.partition);
    world.say(() => {
      const found = ends.map(({ partition, stable, high }) => `${nameOfNumber(partition.partition)} ${stable}/${high}`);
      return `the ends (stable/high): ${found.join(', ')}`;
    });
    return { ends, topics: new Map([['calls', world.partitions]]) };
  }

  #isBelow(partition: number): boolean {
    const { positions, answer } = this.#running ?? { positions: [], answer: null };
    const end = answer?.ends.find(({ partition: id }) => id.partition === partition);
    return end !== undefined && end.high < positions[partition]!;
  }

  #noteCuts({ positions, answer }: RunningLook): void {
    for (const { partition, high } of answer!.ends)
      if (high < positions[partition.partition]!) this.#parts.world.seenCut.add(partition.partition);
  }
}

/** The clock of the store as the product reads it. */
export function storeClock(world: World) {
  return { now: () => at(world.storeNow) };
}
