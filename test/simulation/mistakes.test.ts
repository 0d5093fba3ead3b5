import { expect, test, vi } from 'vitest';
import { historyOf } from './generate.ts';
import type { NamedMistake } from './mistake.ts';
import { mistakes } from './mistakes.ts';
import { Random } from './random.ts';
import { replace } from './replaceable.ts';
import { simulate } from './simulate.ts';

vi.mock('../../pipeline/completeness/changes.ts', withReplaceable);
vi.mock('../../pipeline/completeness/ends.ts', withReplaceable);
vi.mock('../../pipeline/completeness/contradictions.ts', withReplaceable);
vi.mock('../../pipeline/completeness/losses.ts', withReplaceable);
vi.mock('../../pipeline/completeness/sources.ts', withReplaceable);
vi.mock('../../pipeline/completeness/verdict.ts', withReplaceable);
vi.mock('../../pipeline/export/log-wait.ts', withReplaceable);

/** Not an arrow function, because the calls above are moved before the imports. */
async function withReplaceable(importReal: () => Promise<object>): Promise<object> {
  return (await import('./replaceable.ts')).replaceable(await importReal());
}

const isSoak = process.env.SOAK !== undefined;
const mostSeeds = 20_000;
const drawn = 5;

/** The first seed with which the law finds a mistake, and what it says; null where it does not find it. */
async function findFirst(mistake: NamedMistake): Promise<{ readonly seed: number; readonly rule: string } | null> {
  replace(mistake.wrong ?? {});
  try {
    for (let seed = 1; seed <= mostSeeds; seed += 1) {
      const [found] = (await simulate(historyOf(seed), { mistake })).violations;
      if (found !== undefined) return { seed, rule: `${found.rule}: ${found.kind}` };
    }
    return null;
  } finally {
    replace({});
  }
}

/** All mistakes in the soak; else a few, drawn anew each day so that over time all are tried. */
function tried(): readonly NamedMistake[] {
  if (isSoak) return mistakes;
  const random = new Random(Number(process.env.SIM_SEED ?? Math.floor(Date.now() / 86_400_000)));
  const left = [...mistakes];
  return Array.from({ length: drawn }, () => left.splice(random.between(0, left.length - 1), 1)[0]!);
}

const firstSeeds: number[] = [];

const named = tried().map(mistake => [mistake.name, mistake] as const);

test.each(named)('the law finds the mistake: %s', { timeout: 1_200_000 }, async (_, mistake) => {
  const found = await findFirst(mistake);
  console.log(`${mistake.name}: ${found === null ? 'not found' : `seed ${found.seed}, ${found.rule}`}`);
  expect(found, `within ${mostSeeds} seeds`).not.toBeNull();
  firstSeeds.push(found!.seed);
});

if (isSoak)
  test('the law finds at least twenty mistakes within a thousand seeds', () => {
    expect(firstSeeds.filter(seed => seed <= 1_000).length).toBeGreaterThanOrEqual(20);
  });
