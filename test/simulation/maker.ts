import type { EventVerb } from '../support/event-batches.ts';
import type { Operation, Requested, Setting, Written } from './operations.ts';
import type { Random } from './random.ts';

/** What may happen in one world; each is chosen once for a seed. */
export interface Chances {
  readonly hasFiles: boolean;
  readonly hasFolder: boolean;
  readonly isFilesOnly: boolean;
  readonly hasTransactions: boolean;
  readonly hasRetention: boolean;
  readonly hasMoves: boolean;
  readonly hasCuts: boolean;
  readonly hasLaggingReplicas: boolean;
  readonly hasFailures: boolean;
  /** Services have events from several logs. */
  readonly isSplit: boolean;
  /** Events may be far behind their time. */
  readonly isLate: boolean;
  /** Events may be far ahead of it. */
  readonly isFuture: boolean;
  /** How far events are ahead of their appending, as a rule. */
  readonly ahead: number;
  readonly stepsClock: boolean;
  /** Times lie so close together that many of them touch. */
  readonly isDense: boolean;
}

/** Makes operations of one world. */
export class Maker {
  readonly random: Random;
  readonly setting: Setting;
  readonly chances: Chances;

  constructor(random: Random, setting: Setting, chances: Chances) {
    this.random = random;
    this.setting = setting;
    this.chances = chances;
  }

  partition(): number {
    return this.random.between(0, 2);
  }

  /** A partition that producers write to: one of the topic or, sometimes, a log of the folder. */
  produced(): number {
    const { random, chances } = this;
    if (chances.hasFolder && (chances.isFilesOnly || random.chance(20))) return random.between(3, 4);
    return this.partition();
  }

  produce(partition: number): Operation {
    const { random, chances, setting } = this;
    const own = partition * 2 + random.between(0, 1);
    const service = chances.isSplit && random.chance(30) ? random.between(0, 13) : own;
    return {
      ...{ op: 'produce', partition, producer: random.between(0, 1) },
      ...this.#written(`s${service}`, random.chance(80)),
      recordAhead: random.between(-setting.skewMs, setting.skewMs),
      inTransaction: chances.hasTransactions && random.chance(35),
    };
  }

  write(file = this.random.between(0, 1)): Operation {
    const { random, chances } = this;
    const service = chances.isSplit && random.chance(20) ? random.between(0, 13) : 10 + random.between(0, 3);
    return { op: 'write', file, ...this.#written(`s${service}`, random.chance(40)) };
  }

  endTransaction(partition: number): Operation {
    return {
      op: 'end transaction',
      partition,
      producer: this.random.between(0, 1),
      commits: this.random.chance(65),
    };
  }

  consume(partition: number): Operation {
    return { op: 'consume', partition, records: this.random.pick(1, 1, 2, 9, 99) };
  }

  clock(): Operation {
    const { clockLatenessMs } = this.setting;
    return this.chances.stepsClock
      ? { op: 'set clock', ahead: this.random.between(-clockLatenessMs, clockLatenessMs) }
      : { op: 'tick', by: 1 };
  }

  stepLook(): Operation {
    return { op: 'step look', fails: this.chances.hasFailures && this.random.chance(15) };
  }

  ingest(): Operation {
    const { random, chances } = this;
    const first = random.between(chances.hasFolder ? 0 : 1, 2);
    const count = random.chance(30) ? (chances.hasFolder ? random.between(2, 3) : first === 1 ? 2 : 1) : 1;
    const units = Array.from({ length: count }, (_, index) => (first + index) % 3);
    const records = random.chance(25) ? random.between(0, 2) : 999;
    const covers = random.chance(15) ? { coversUntil: 20 + random.between(0, 40) } : {};
    return { op: 'ingest', units, records, ...covers };
  }

  requested(): Requested {
    const { random, chances } = this;
    return {
      back: random.chance(15) ? 0 : chances.isDense ? random.between(-2, 4) : random.between(-2, 10),
      length: chances.isDense ? random.between(1, 4) : random.between(1, 14),
      events: random.chance(60) ? 'any' : random.pick('started', 'completed'),
      state: random.chance(70) ? 'any' : random.pick('active', 'inactive'),
      wait: random.pick('none', 'end', 'end', 'end', 'complete'),
    };
  }

  #written(service: string, isTimed: boolean): Written {
    return { service, event: this.#verb(), delay: this.#delay(), isTimed };
  }

  #verb(): EventVerb {
    const kind = this.random.between(0, 19);
    if (kind <= 8) return 'service.started';
    if (kind <= 12) return 'service.completed';
    if (kind <= 15) return 'state.started';
    return kind <= 17 ? 'service.associated' : 'service.deleted';
  }

  #delay(): number {
    const { random, chances, setting } = this;
    if (chances.isDense && random.chance(90)) return random.between(-setting.skewMs, 3);
    const kind = random.between(0, 99);
    if (chances.isFuture && kind < 4) return -random.between(1, 25);
    if (kind < 60) return random.between(0, 2) - (random.chance(50) ? chances.ahead : 0);
    return kind < 90 || !chances.isLate ? random.between(0, 5) : random.between(0, 25);
  }
}
