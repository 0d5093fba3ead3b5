import { expect, test } from 'vitest';
import type { HoldOptions } from '../../../pipeline/ingest/holds.ts';
import { ingest } from '../../../pipeline/ingest/ingest.ts';
import type { FoldedBatch } from '../../../pipeline/ingest/warehouse.ts';
import type { PartitionId, RecordBatch, SecondReading, StoredPosition } from '../../../pipeline/ports.ts';

const partitions = [0, 1].map(partition => ({ topic: 'calls', partition }));
const [held, good] = partitions as [PartitionId, PartitionId];

/** A batch of 200 records of a partition; their keys are their service_ids where it `fits`. */
function batch(partition: PartitionId, from: number, fits: boolean): RecordBatch {
  const records = Array.from({ length: 200 }, (_, index) => ({
    offset: from + index,
    timestamp: 1,
    key: Buffer.from(fits ? 's' : 'another'),
    value: Buffer.from('{"event":"service.started","service_id":"s"}'),
    headers: [],
  }));
  const next = { nextOffset: from + 200, bookmark: null };
  return { partition, kind: 'live', origin: 'memory', records, from, next, bytesRead: 1 };
}

test('a partition whose records do not fit waits, while the others go on; it is read again and then stored (contract 1.19)', async () => {
  const stored: string[] = [];
  const positions = new Map<number, StoredPosition>();
  const changes: (string | null)[] = [];
  const again: SecondReading[] = [];
  const source = {
    async *read() {
      yield batch(held, 0, true);
      yield batch(held, 200, false);
      yield batch(good, 0, true);
      // The partition is read again: its records still do not fit, then its producer, or the setting, is corrected.
      yield batch(held, 200, false);
      yield batch(held, 200, true);
      yield batch(held, 400, true);
    },
    readAgain: (partition: PartitionId, reading: SecondReading) => {
      expect(partition).toEqual(held);
      again.push(reading);
    },
  };
  const warehouse = {
    positions: () => [...positions.values()],
    beginReading: () => [],
    async store({ facts: { partition, origin, from, next } }: FoldedBatch) {
      await new Promise(resolve => setImmediate(resolve));
      stored.push(`${partition.partition}:${from}`);
      positions.set(partition.partition, { partition, origin, ...next });
      return [];
    },
  };
  const hold: HoldOptions = {
    source,
    maxPercent: 40,
    onChange: (partition, reason) => changes.push(reason && `${partition.partition}: ${reason}`),
  };
  const { signal } = new AbortController();
  const total = await ingest(source, warehouse, { keyFormat: 'string', clock: { now: () => 2 }, signal, hold });
  expect(stored).toEqual(['0:0', '1:0', '0:200', '0:400']);
  expect(total).toEqual({ recordsRead: 800, applied: 800, quarantined: 0 });
  expect(again.map(({ stored: position, from, afterMs }) => [position?.nextOffset, from, afterMs])).toEqual([
    [200, 200, 30_000],
    [200, 200, 30_000],
  ]);
  expect(changes).toEqual([
    expect.stringMatching(
      /^0: more than 40 % of the newest records .*their keys are not their service_ids; correct key_format/,
    ),
    null,
  ]);
});
