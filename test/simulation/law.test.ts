import { expect, test } from 'vitest';
import { historyOf } from './generate.ts';
import { judgeSeeds, traceOf } from './judging.ts';

const chosen = process.env.SIM_SEED === undefined ? null : Number(process.env.SIM_SEED);

test('100 histories of the real pipeline keep the law of complete (contract 4.20)', async () => {
  const { exports, complete } = await judgeSeeds({ firstSeed: 1, goesOn: seeds => seeds < 100 });
  expect(exports, 'exports that were judged').toBeGreaterThan(200);
  expect(complete, 'complete ones: the law says something of these only').toBeGreaterThan(100);
});

test('the same seed gives the same history, step by step', async () => {
  const [first, second] = [await traceOf(historyOf(7)), await traceOf(historyOf(7))];
  expect(first.length).toBeGreaterThan(20);
  expect(second).toEqual(first);
});

if (chosen !== null)
  test(`seed ${chosen} step by step`, async () => {
    console.log((await traceOf(historyOf(chosen))).join('\n'));
    await judgeSeeds({ firstSeed: chosen, goesOn: seeds => seeds < 1 });
  });
