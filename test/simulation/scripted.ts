import { expect, onTestFinished } from 'vitest';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import type { ChangedSince } from '../../pipeline/export/request.ts';
import type { EventVerb } from '../support/event-batches.ts';
import { finish } from './finish.ts';
import type { Operation, Setting, Wait } from './operations.ts';
import { Simulation } from './simulation.ts';

/** An event of a partition or a file, as a test writes it; times are ticks, and the world begins at 20. */
interface Event {
  readonly service?: string;
  readonly event?: EventVerb;
  readonly time: number;
  readonly recordTime?: number;
  /** It lies in the transaction of producer 1. */
  readonly inTransaction?: boolean;
}

type Asked = Manifest & { readonly changedSince: ChangedSince | null };

/** A world that a test tells step by step, in the words of the contract. */
export class Scripted {
  readonly #simulation: Simulation;

  private constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  static async begin(setting: Partial<Setting> = {}): Promise<Scripted> {
    const usual = { allowedLatenessMs: 0, clockLatenessMs: 1, skewMs: 0, partitions: 1, assigned: [0, 1, 2] };
    const all = { ...usual, isLooked: true, endsByHand: false, ...setting };
    return new Scripted(await Simulation.begin({ setting: all, operations: [] }, {}));
  }

  async do(...operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) await this.#simulation.run(operation);
  }

  async at(tick: number): Promise<void> {
    await this.do({ op: 'tick', by: tick - this.#simulation.world.now });
  }

  async produce(partition: number, { service = 's1', event = 'service.started', ...given }: Event): Promise<void> {
    const { now } = this.#simulation.world;
    await this.do({
      ...{ op: 'produce', partition, service, event, isTimed: true, delay: now - given.time },
      ...{ producer: given.inTransaction ? 1 : 0, inTransaction: given.inTransaction ?? false },
      recordAhead: (given.recordTime ?? now) - now,
    });
  }

  async write(file: 0 | 1, { service = 's10', event = 'service.started', time }: Event): Promise<void> {
    const { now } = this.#simulation.world;
    await this.do({ op: 'write', file, service, event, isTimed: true, delay: now - time });
  }

  /** Stores all that can be read of a partition, or the next records. */
  async store(partition: number, records = 99): Promise<void> {
    await this.do({ op: 'consume', partition, records });
  }

  /** Looks at the log, from the question to the answer. */
  async look(): Promise<void> {
    await this.do({ op: 'look' });
    await this.answer();
  }

  /** Answers the look that is running. */
  async answer(): Promise<void> {
    await this.do({ op: 'step look' }, { op: 'step look' });
  }

  async ingest(units: readonly number[], given: { readonly records?: number; readonly coversUntil?: number } = {}) {
    await this.do({ op: 'ingest', units, records: 99, ...given });
  }

  /** Requests `[from, to)` and lets the log answer its look. */
  async request(from: number, to: number, wait: Wait = 'end'): Promise<void> {
    const { now } = this.#simulation.world;
    await this.do({ op: 'request', back: now - to, length: to - from, events: 'any', state: 'any', wait });
    if (wait !== 'none') await this.answer();
  }

  /** Lets the newest export wait no longer, record its verdict and publish. */
  async end(): Promise<Asked> {
    await this.do({ op: 'step', export: 0 }, { op: 'give up', export: 0 }, { op: 'record', export: 0 });
    return this.newest();
  }

  async ask(from: number, to: number, wait: Wait = 'end'): Promise<Asked> {
    await this.request(from, to, wait);
    return this.end();
  }

  /** The newest export as it is now. */
  async newest(): Promise<Asked> {
    const record = await this.#simulation.service.find(this.#simulation.requested.at(-1)!);
    return { ...record!.manifest!, changedSince: record!.changedSince };
  }

  /** The topic is taken out of the configuration, and the service starts again. */
  async unfollow(): Promise<void> {
    Object.assign(this.#simulation.world, { isFollowed: false });
    await this.do({ op: 'restart', crashes: false });
  }

  /** The list of readings that the store keeps. */
  get readings(): readonly string[] {
    const { readings } = this.#simulation.service.warehouse.sources();
    return readings.map(({ partition, from, next }) => `${partition.topic} ${from} to ${next}`);
  }

  /** Brings the world to its end; returns what is against the law. */
  async finish(): Promise<readonly string[]> {
    await finish(this.#simulation);
    await this.#simulation.close();
    return this.#simulation.law.violations.map(({ rule, kind, what }) => `${rule} ${kind}: ${what}`);
  }
}

/** A world that is brought to its end after the test, and judged by the law. */
export async function world(setting: Parameters<typeof Scripted.begin>[0] = {}): Promise<Scripted> {
  const begun = await Scripted.begin(setting);
  onTestFinished(async () => {
    expect(await begun.finish(), 'against the law').toEqual([]);
  });
  return begun;
}

/** What an export is that nothing contradicts. */
export const complete = { status: 'complete', changedSince: null };
export const provisional = (reason: string) => ({
  status: 'provisional',
  reasons: expect.arrayContaining([expect.stringContaining(reason)]),
});
