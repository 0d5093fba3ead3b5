import { expect, test } from 'vitest';
import type { LogRecord, NewRecord } from '../../pipeline/ports.ts';
import { describeEventSource } from '../contracts/event-source.ts';
import { memorySource } from './memory-source.ts';
import { positionsAfter, readAll, readToEnd } from './reading.ts';

const asRecord = (record: NewRecord, offset: number): LogRecord => ({ headers: [], ...record, offset });

describeEventSource('in memory', {
  keeps: 'everything',
  partitions: 3,
  open: async given => {
    const partitions = given.map((records, partition) => ({
      partition: { topic: 'given', partition },
      records: records.map(asRecord),
    }));
    return { source: limits => memorySource({ partitions, ...limits }), close: async () => undefined };
  },
});

const partition = { topic: 'given', partition: 0 };
const at = (offset: number): LogRecord => asRecord({ timestamp: null, key: null, value: Buffer.from('{}') }, offset);

test('offsets may have gaps, as a compacted log has', async () => {
  const source = memorySource({ partitions: [{ partition, records: [at(10), at(13), at(20)] }], batchRecords: 2 });
  const [first, ...rest] = await readAll(source);
  expect(first?.next.nextOffset).toBe(14);
  expect(await readAll(source, positionsAfter([first!]))).toEqual(rest);
});

test('a position below the first record is refused', async () => {
  const source = memorySource({ partitions: [{ partition, records: [at(10)] }] });
  const stored = { partition, origin: 'x', nextOffset: 9, bookmark: null, watermark: null };
  expect((await readToEnd(source, [stored])).failure).toMatchObject({ code: 'SOURCE_CHANGED' });
});
