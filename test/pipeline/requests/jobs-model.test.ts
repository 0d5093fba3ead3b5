import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { type ExportRecord, isEnded } from '../../../pipeline/export/request.ts';
import { given, MemoryService, memoryWorld, settled } from '../../support/memory-service.ts';
import { Life, mortal } from '../../support/mortal.ts';
import { seededRandom } from '../../support/random.ts';

/** What clients were told, and so may rely on. */
interface Promised {
  readonly accepted: Set<string>;
  readonly cancelled: Set<string>;
  /** The value of each record of the control topic. */
  controlRecords: number;
}

/** A service that dies and is started again, over a world that stays. */
class Real {
  readonly world = memoryWorld();
  readonly #random: () => number;
  /** What clients were answered with, though it is no error of ours. */
  readonly #unexpected: unknown[] = [];
  life: Life;
  service: MemoryService;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.life = new Life(this.#random);
    this.service = new MemoryService(mortal(this.world, this.life), limits);
  }

  async start(): Promise<void> {
    this.life = new Life(this.#random);
    this.service = new MemoryService(mortal(this.world, this.life), limits);
    await this.service.start();
  }

  /** Calls back when a client hears an answer: a dead service gives none. */
  hear(call: Promise<unknown>, answered: () => void): void {
    call.then(answered).catch((error: unknown) => {
      if (!(error instanceof TidemarkError)) this.#unexpected.push(error);
    });
  }

  /** That nothing went wrong which no client and no request can be told of. */
  expectNoCrash(): void {
    expect(this.service.crashes).toEqual([]);
    expect(this.#unexpected, 'answers to clients are results or errors with a code').toEqual([]);
  }

  async afterCommand(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve));
    this.expectNoCrash();
    if (this.life.isDead) await this.start();
  }

  /** An orderly stop, unless it dies on the way. */
  async restart(): Promise<void> {
    await Promise.race([this.service.stop(), this.life.died]);
    this.life.end();
    await this.start();
  }
}

const limits = { atOnce: 2, maxQueued: 2 };

type Command = fc.AsyncCommand<Promised, Real>;

function command(text: string, run: (promised: Promised, real: Real) => Promise<unknown> | unknown): Command {
  return {
    check: () => true,
    toString: () => text,
    run: async (promised, real) => {
      await run(promised, real);
      await real.afterCommand();
    },
  };
}

const parametersOf = (other: boolean) => ({ ...given, format: other ? 'csv' : 'ndjson' });

function askByHttp(id: string, other: boolean, client: string): Command {
  return command(`${client} asks for ${id}${other ? ' otherwise' : ''}`, (promised, real) => {
    const request = { requestId: id, given: parametersOf(other), asker: { door: 'http', client } as const };
    real.hear(real.service.jobs.submit(request), () => promised.accepted.add(id));
  });
}

function cancelByHttp(id: string): Command {
  return command(`cancel ${id}`, (promised, real) => {
    real.hear(real.service.jobs.cancel(id, 'anna'), () => promised.cancelled.add(id));
  });
}

function byTopic(key: string | null, value: object | string): Command {
  return command(`record ${key}: ${JSON.stringify(value)}`, (promised, real) => {
    real.world.topic.append(key, value);
    promised.controlRecords += 1;
  });
}

const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const often = { maxCommands: 40, size: 'max' } as const;
const commands = fc.commands(
  [
    fc
      .tuple(ids, fc.boolean(), fc.constantFrom('anna', 'ben'))
      .map(([id, other, client]) => askByHttp(id, other, client)),
    fc.tuple(ids, fc.boolean()).map(([id, other]) => byTopic(id, { action: 'export', ...parametersOf(other) })),
    ids.map(cancelByHttp),
    ids.map(id => byTopic(id, { action: 'cancel' })),
    fc.constantFrom('x', null).map(key => byTopic(key, 'no JSON')),
    fc.constant(command('a file goes on', (_, real) => real.service.snapshots.go())),
    fc.constant(command('a file fails', (_, real) => real.service.snapshots.fail())),
    fc
      .tuple(fc.integer({ min: 1, max: 25 }), fc.boolean())
      .map(([steps, does]) =>
        command(`dies in ${steps} steps${does ? ', the last one done' : ''}`, (_, real) =>
          real.life.dieIn(steps, does),
        ),
      ),
    fc.constant(command('time passes', settled)),
    fc.constant(command('stops and starts', (_, real) => real.restart())),
  ],
  often,
);

/** Lets everything come to its end. */
async function finish(real: Real): Promise<readonly ExportRecord[]> {
  real.life.dieIn(Number.POSITIVE_INFINITY, true);
  // What is being accepted now is recorded, or was never heard of; the last life ends it.
  await real.restart();
  real.service.snapshots.open();
  const { store, topic } = real.world;
  while (store.moves.length < topic.length || (await store.unfinished()).length > 0) {
    await settled();
    real.expectNoCrash();
  }
  await settled();
  real.expectNoCrash();
  return [...store.records.values()];
}

function checkStatuses({ world: { store } }: Real, { requestId, state }: ExportRecord): void {
  const told = store.statuses.filter(({ request_id: id, sequence }) => id === requestId && sequence > 0);
  expect(told.map(({ sequence }) => sequence)).toEqual(told.map((_, at) => at + 1));
  const ends = told.filter(({ status }) => status !== 'running' && isEnded(status));
  expect(ends.map(({ status }) => status)).toEqual([state]);
  expect(told.at(-1)).toBe(ends[0]);
}

// contract 5.1
test('with any requests, cancellations and crashes each request ends once, with all its files or with none', async () => {
  await fc.assert(
    fc.asyncProperty(commands, fc.nat(), async (cmds, seed) => {
      const real = new Real(seed);
      const promised: Promised = { accepted: new Set(), cancelled: new Set(), controlRecords: 0 };
      await real.start();
      await fc.asyncModelRun(() => ({ model: promised, real }), cmds);
      const records = await finish(real);
      const { store, directory } = real.world;

      const files = records.flatMap(({ state, plan }) =>
        state === 'completed' ? plan.names.map(name => `${plan.destination.folder}/${name}`) : [],
      );
      expect([...directory.files.keys()].toSorted()).toEqual(files.toSorted());
      expect(directory.hidden.size).toBe(0);
      for (const id of promised.accepted) expect(store.records.has(id)).toBe(true);
      for (const id of promised.cancelled) expect(['cancelled', 'failed']).toContain(store.records.get(id)?.state);
      for (const record of records) checkStatuses(real, record);
      expect(store.moves.map(({ from }) => from)).toEqual(
        Array.from({ length: promised.controlRecords }, (_, at) => at),
      );
      await real.service.stop();
    }),
    { numRuns: Number(process.env.MODEL_RUNS ?? 300) },
  );
});
