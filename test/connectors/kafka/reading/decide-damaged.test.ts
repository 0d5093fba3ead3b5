import { describe, expect, test } from 'vitest';
import { decideFetch } from '../../../../connectors/kafka/reading/lost-records.ts';
import type { PartitionReading } from '../../../../connectors/kafka/reading/partition-reading.ts';
import type { FetchedRecords } from '../../../../connectors/kafka/records/fetched-records.ts';
import { fetched, readingOf, storedAt } from '../../../support/kafka/fetched-ranges.ts';

const stopping = { onLostRecords: 'stop', onDamagedBatch: 'stop' } as const;
const skipping = { ...stopping, onDamagedBatch: 'skip' } as const;

describe('a fetch that begins with a damaged batch', () => {
  const reason = 'the record batch at offset 9 fails its CRC-32C';
  /** A fetch from an offset inside a damaged batch that ends before `to`. */
  const damagedFrom = (from: number, to: number | null, more: Partial<FetchedRecords> = {}) =>
    fetched(from, [], { nextOffset: to ?? from, high: 99, damage: { reason, to }, ...more });

  /** The decisions on the same fetch, one after the other. */
  const decisions = (fetch: FetchedRecords, reading: PartitionReading, policies: typeof stopping | typeof skipping) => {
    expect(decideFetch(fetch, reading, policies), 'damage may have come about on the way').toBe('refetch');
    return decideFetch(fetch, reading, policies);
  };

  test('stops the reading after a second fetch, and the error names partition, offset and setting (contract 2.18)', () => {
    expect(() => decisions(damagedFrom(10, 14), readingOf(storedAt(10, null)), stopping)).toThrow(
      expect.objectContaining({
        code: 'SOURCE_CORRUPT',
        retry: false,
        message: `t/3: ${reason}; to continue after offset 13, set kafka_on_damaged_batch to skip, or give a new replay --allow-gaps`,
      }),
    );
  });

  test('is a gap with the policy skip, from the position on', () => {
    expect(decisions(damagedFrom(10, 14), readingOf(storedAt(10, null)), skipping)).toEqual({
      from: 10,
      to: 14,
      reason,
    });
    expect(decisions(damagedFrom(8, 14), readingOf(storedAt(10, null)), skipping)).toEqual({
      from: 10,
      to: 14,
      reason,
    });
    expect(decisions(damagedFrom(0, 4), readingOf(), skipping)).toEqual({ from: 0, to: 4, reason });
  });

  test('is no gap when the batch can be read at the second fetch', () => {
    const reading = readingOf(storedAt(10, null));
    expect(decideFetch(damagedFrom(10, 14), reading, skipping)).toBe('refetch');
    expect(decideFetch(fetched(10, [10, 11]), reading, skipping)).toBe('take');
  });

  test('cannot be skipped when its end is not known', () => {
    expect(() => decisions(damagedFrom(10, null), readingOf(storedAt(10, null)), skipping)).toThrow(
      `t/3: ${reason}; where it ends cannot be told, so that it cannot be skipped`,
    );
  });

  test('is fetched from the position when all of the batch was read before, whatever the policy', () => {
    for (const policies of [stopping, skipping]) {
      const reading = readingOf(storedAt(10, 9));
      reading.assign(0);
      expect(reading.fetchOffset).toBe(9);
      expect(decideFetch(damagedFrom(9, 10), reading, policies)).toBe('refetch');
      expect(reading.fetchOffset, 'the last record cannot be compared any more').toBe(10);
      expect(decideFetch(fetched(10, [10]), reading, policies)).toBe('take');
    }
  });

  test('is compared with the last record first, where that one lies before the damage', () => {
    const reading = readingOf(storedAt(10, 9));
    reading.assign(0);
    expect(decideFetch(damagedFrom(10, 14), reading, skipping)).toBe('refetch');
    expect(reading.fetchOffset).toBe(9);
    expect(decideFetch(fetched(9, [9], { high: 99 }), reading, skipping)).toBe('take');
    expect(decisions(damagedFrom(10, 14), reading, skipping)).toEqual({ from: 10, to: 14, reason });
  });

  test('and follows deleted records is one gap with these', () => {
    const policies = { onLostRecords: 'skip', onDamagedBatch: 'skip' } as const;
    const fetch = damagedFrom(25, 30, { logStart: 25 });
    const reading = readingOf(storedAt(10, null));
    expect(decideFetch(fetch, reading, policies)).toBe('refetch');
    expect(decideFetch(fetch, reading, policies)).toEqual({ from: 10, to: 30, reason });
  });

  test('is not passed over when the record to compare is deleted', () => {
    const fetch = damagedFrom(10, 14, { logStart: 10 });
    expect(decisions(fetch, readingOf(storedAt(10, 9)), skipping)).toEqual({ from: 10, to: 14, reason });
  });
});
