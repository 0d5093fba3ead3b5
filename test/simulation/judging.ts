import { historyOf } from './generate.ts';
import type { History } from './operations.ts';
import { shrink } from './shrink.ts';
import { simulate } from './simulate.ts';
import type { SimulatedStore } from './simulated-store.ts';
import type { SimulationOptions } from './simulation.ts';

interface Judging {
  readonly firstSeed: number;
  /** Whether to go on after so many seeds. */
  goesOn(seeds: number): boolean;
  /** A new store for each seed; without it one in memory. */
  openStore?(): Promise<SimulatedStore>;
}

/** How much was judged, in words. */
export interface Judged {
  readonly seeds: number;
  readonly exports: number;
  readonly complete: number;
}

/**
 * Simulates seed after seed. Throws at the first history that is against the law, with its shortest form step by step and
 * the seed, which `SIM_SEED` runs again.
 */
export async function judgeSeeds({ firstSeed, goesOn, openStore }: Judging): Promise<Judged> {
  const judged = { seeds: 0, exports: 0, complete: 0 };
  for (; goesOn(judged.seeds); judged.seeds += 1) {
    const seed = firstSeed + judged.seeds;
    const store = openStore === undefined ? {} : { store: await openStore() };
    const { violations, exports, complete } = await simulate(historyOf(seed), store);
    if (violations.length > 0) throw new Error(await describe(seed));
    judged.exports += exports;
    judged.complete += complete;
  }
  return judged;
}

/** The shortest history of this kind against the law, step by step. */
async function describe(seed: number): Promise<string> {
  const history = historyOf(seed);
  const { violations } = await simulate(history);
  const [first] = violations;
  if (first === undefined) return `seed ${seed} is against the law, but not with a store in memory`;
  const isBad = async (shorter: History): Promise<boolean> =>
    (await simulate(shorter)).violations.some(({ rule, kind }) => rule === first.rule && kind === first.kind);
  const shortest = await shrink(history, isBad);
  return [`seed ${seed} is against the law (${first.rule}: ${first.kind})`, ...(await traceOf(shortest))].join('\n');
}

/** What happens in a history, line by line. */
export async function traceOf(history: History, options: SimulationOptions = {}): Promise<readonly string[]> {
  const trace: string[] = [];
  const { exports, complete } = await simulate(history, { ...options, trace });
  return [...trace, `${exports} exports, ${complete} of them complete`];
}
