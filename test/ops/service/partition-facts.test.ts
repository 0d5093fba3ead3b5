import { expect, test } from 'vitest';
import { describePart, openTransactionMs, unreadPartitions } from '../../../ops/service/partition-facts.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import { endedFile, liveSource, sourcesOf } from '../../support/event-sources.ts';

const end = { by: 'hand', who: 'ben', at: 0 } as const;
const part = sourcesOf([
  liveSource(0),
  liveSource(1, { assignedAt: null }),
  liveSource(2, { assignedAt: null, isListed: false }),
  liveSource(3, { assignedAt: null, end }),
  liveSource(4, { assignedAt: null, nextOffset: null, recordsRead: 0 }),
  endedFile('a', { end: null }),
]);

test('the partitions that are not read are the listed ones that have not ended (contract 4.26)', () => {
  expect(unreadPartitions(part).map(({ partition }) => partitionName(partition))).toEqual(['calls/1', 'calls/4']);
  expect(unreadPartitions(sourcesOf([liveSource(0)]))).toEqual([]);
});

test('a part is described with its size, what it means for exports, and what to do', () => {
  expect(describePart(part)).toMatch(
    /^this process reads 1 of 3 partitions: exports stay provisional; .*kafka_partitions$/,
  );
});

test.each([
  [
    'the time since the last stable offset moved',
    { look: { at: 9_000, stable: 5, high: 6 }, stableSince: 4_000 },
    6_000,
  ],
  ['0 where the clock stepped back', { look: { at: 9_000, stable: 5, high: 6 }, stableSince: 11_000 }, 0],
  ['0 where the two ends are equal', { look: { at: 9_000, stable: 6, high: 6 }, stableSince: 4_000 }, 0],
  ['0 before the first look', { look: null, stableSince: null }, 0],
])('a transaction is open for %s', (_, changes, milliseconds) => {
  expect(openTransactionMs(liveSource(0, changes), 10_000)).toBe(milliseconds);
});
