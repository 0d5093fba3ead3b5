import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MisfitWatch } from '../../../pipeline/ingest/misfits.ts';

const partition = { topic: 'calls', partition: 0 };
const other = { topic: 'calls', partition: 1 };

/** Gives records to a watch in batches of `size`, a misfit where `fits` is false; returns the first batch that must wait. */
function firstWaiting(fits: readonly boolean[], size: number, watch = new MisfitWatch(90)): number | null {
  for (let from = 0; from < fits.length; from += size) {
    const batch = fits.slice(from, from + size);
    const found = batch.flatMap((isFit, index) => (isFit ? [] : [{ index, kind: 'key mismatch' as const }]));
    if (watch.check(partition, { records: batch.length, misfits: found }) !== null) return from;
  }
  return null;
}

const records = (count: number, isFit: boolean) => Array.from({ length: count }, () => isFit);

describe('a batch must wait (contract 1.19)', () => {
  test.each<[string, number | null, readonly boolean[]]>([
    ['not before the 100th record', null, records(99, false)],
    ['with 100 misfits from the start', 99, records(100, false)],
    ['not with exactly 90 of 100', null, [...records(90, false), ...records(10, true)]],
    ['not with 91 of the first 100 while the newest fit', null, [...records(91, false), ...records(9, true)]],
    ['with the next misfit after them', 100, [...records(91, false), ...records(9, true), false]],
    ['not for 900 misfits after 1,000 good records', null, [...records(1_000, true), ...records(900, false)]],
    ['with the 901st misfit after 1,000 good records', 1_900, [...records(1_000, true), ...records(901, false)]],
  ])('%s', (_, expected, fits) => {
    expect(firstWaiting(fits, 1)).toBe(expected);
  });

  test('wherever the records are cut into batches', () => {
    const fits = fc.array(fc.tuple(fc.boolean(), fc.nat(700)), { maxLength: 8 });
    fc.assert(
      fc.property(fits, fc.integer({ min: 1, max: 3_000 }), (runs, size) => {
        const all = runs.flatMap(([isFit, count]) => records(count, isFit));
        const alone = firstWaiting(all, 1);
        const cut = firstWaiting(all, size);
        expect(cut).toBe(alone === null ? null : alone - (alone % size));
      }),
    );
  });

  test('each partition for itself', () => {
    const watch = new MisfitWatch(90);
    expect(firstWaiting(records(100, false), 100, watch)).toBe(0);
    expect(watch.check(other, { records: 100, misfits: [] })).toBeNull();
  });

  test('and is not counted: the same batch, decoded well, is stored', () => {
    const watch = new MisfitWatch(90);
    firstWaiting(records(200, false), 200, watch);
    expect(watch.checkAgain(partition, { records: 200, misfits: [] })).toBeNull();
    expect(firstWaiting(records(99, false), 1, watch)).toBeNull();
  });

  test('and is judged by itself when it is read again: what was stored before does not hold it', () => {
    const watch = new MisfitWatch(90);
    const misfits = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ index, kind: 'key mismatch' as const }));
    for (let batch = 0; batch < 99; batch += 1) watch.check(partition, { records: 1, misfits: misfits(1) });
    expect(watch.check(partition, { records: 1, misfits: misfits(1) })).toContain('more than 90 %');
    expect(watch.checkAgain(partition, { records: 1, misfits: misfits(1) })).not.toBeNull();
    expect(watch.checkAgain(partition, { records: 50, misfits: misfits(46) })).not.toBeNull();
    expect(watch.checkAgain(partition, { records: 5_000, misfits: misfits(950) })).not.toBeNull();
    expect(watch.checkAgain(partition, { records: 50, misfits: misfits(45) })).toBeNull();
    expect(watch.check(partition, { records: 500, misfits: [] })).toBeNull();
  });

  test('never where all may be misfits', () => {
    expect(firstWaiting(records(5_000, false), 500, new MisfitWatch(100))).toBeNull();
  });

  test('for the commonest kind, and its cure is named', () => {
    const found = Array.from({ length: 100 }, (_, index) => ({
      index,
      kind: index % 3 === 0 ? ('unreadable key' as const) : ('no registry' as const),
    }));
    expect(new MisfitWatch(90).check(partition, { records: 100, misfits: found })).toContain('set registry_url');
  });
});
