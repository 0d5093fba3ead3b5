/** What every implementation of the EventSource port must do. The test file of each implementation calls it. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { EventSource, NewRecord, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { positionsAfter, type ReadBatch, readAll, readToEnd } from '../support/reading.ts';

export interface SourceLimits {
  readonly batchRecords: number;
  readonly batchBytes: number;
}

/** Sources of the same records, and what removes those records. */
export interface OpenedSource {
  source(limits: SourceLimits): EventSource;
  close(): Promise<void>;
}

/** One implementation, and what it can hold. */
export interface TestedSource {
  /** Whether it keeps times, keys, headers and null values, or only values; some producers cannot write a null header. */
  readonly keeps: 'everything' | 'everything but null headers' | 'values';
  /** How many partitions the tests fill. */
  readonly partitions: number;
  open(partitions: readonly (readonly NewRecord[])[]): Promise<OpenedSource>;
}

const NO_LIMITS = { batchRecords: 1_000_000, batchBytes: 1_000_000_000 };

export function describeEventSource(name: string, tested: TestedSource): void {
  describe(`event source contract: ${name}`, () => {
    const opened: OpenedSource[] = [];
    afterEach(async () => {
      for (const source of opened.splice(0)) await source.close();
    });
    const open = async (records = sampleRecords(tested)): Promise<OpenedSource> => {
      const source = await tested.open(records);
      opened.push(source);
      return source;
    };

    test('yields every record once, in order, with everything that the source keeps', async () => {
      const { source } = await open();
      const read = await readAll(source(NO_LIMITS));
      const given = sampleRecords(tested).map(records => records.map(withoutOffset));
      expect(inOneOrder(contents(read))).toEqual(inOneOrder(given));
    });

    test('offsets grow, and the last offset of a batch is below its next position', async () => {
      const { source } = await open();
      for (const batches of byPartition(await readAll(source({ batchRecords: 3, batchBytes: 1_000 })))) {
        const offsets = batches.flatMap(({ records }) => records.map(({ offset }) => offset));
        expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
        for (const { records, next } of batches) expect(records.at(-1)?.offset).toBeLessThan(next.nextOffset);
      }
    });

    test('each batch begins at the next position of the one before, also after a restart', async () => {
      const { source } = await open();
      const limits = { batchRecords: 3, batchBytes: 500 };
      const whole = await readAll(source(limits));
      const rest = await readAll(source(limits), positionsAfter(whole.slice(0, 2)));
      for (const batches of [...byPartition(whole), ...byPartition([...whole.slice(0, 2), ...rest])]) {
        const ends = batches.map(({ next }) => next.nextOffset);
        expect(batches.map(({ from }) => from)).toEqual([batches[0]!.from, ...ends.slice(0, -1)]);
      }
    });

    test.each([
      ['with its bookmark', (position: StoredPosition) => position],
      ['without a bookmark', (position: StoredPosition) => ({ ...position, bookmark: null })],
      ['with the bookmark of another source', (position: StoredPosition) => ({ ...position, bookmark: 'unknown' })],
    ])('from each position, %s, it yields exactly the remaining records', async (_, stored) => {
      const { source } = await open();
      const whole = await readAll(source({ batchRecords: 3, batchBytes: 500 }));
      for (let taken = 0; taken <= whole.length; taken += 1) {
        const rest = await readAll(source(NO_LIMITS), positionsAfter(whole.slice(0, taken)).map(stored));
        expect(recordsOf(rest)).toEqual(recordsOf(whole.slice(taken)));
      }
    });

    test('the records do not depend on the batch limits or on a restart in between', async () => {
      const { source } = await open();
      const whole = recordsOf(await readAll(source(NO_LIMITS)));
      const limits = fc.record({
        batchRecords: fc.integer({ min: 1, max: 9 }),
        batchBytes: fc.integer({ min: 1, max: 900 }),
      });
      await fc.assert(
        fc.asyncProperty(limits, fc.nat(40), limits, async (before, stop, after) => {
          const taken = (await readAll(source(before))).slice(0, stop);
          const rest = await readAll(source(after), positionsAfter(taken));
          expect(recordsOf([...taken, ...rest])).toEqual(whole);
        }),
        { numRuns: 40 },
      );
    });

    test('a batch stays within its limits; only a single record may exceed batchBytes', async () => {
      const { source } = await open();
      const limits = { batchRecords: 4, batchBytes: 300 };
      const read = await readAll(source(limits));
      for (const { records } of read) {
        expect(records.length).toBeLessThanOrEqual(limits.batchRecords);
        const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
        expect(records.length === 1 || bytes <= limits.batchBytes).toBe(true);
      }
      expect(Math.max(...read.map(({ records }) => records.length))).toBe(limits.batchRecords);
    });

    test('after an abort no further batch is yielded', async () => {
      const { source } = await open();
      const abort = new AbortController();
      const read: RecordBatch[] = [];
      for await (const batch of source({ batchRecords: 2, batchBytes: 1_000 }).read([], abort.signal)) {
        read.push(batch);
        if (read.length === 2) abort.abort();
      }
      expect(read).toHaveLength(2);
      for await (const batch of source(NO_LIMITS).read([], abort.signal)) read.push(batch);
      expect(read).toHaveLength(2);
    });

    test('stored positions of other partitions have no effect', async () => {
      const { source } = await open();
      const other = {
        partition: { topic: 'another', partition: 0 },
        origin: 'x',
        nextOffset: 5,
        bookmark: null,
        watermark: null,
      };
      expect(recordsOf(await readAll(source(NO_LIMITS), [other]))).toEqual(recordsOf(await readAll(source(NO_LIMITS))));
    });

    test('a position after the end of the log is refused', async () => {
      const { source } = await open();
      const [last, ...rest] = positionsAfter(await readAll(source(NO_LIMITS)));
      const beyond = { ...last!, nextOffset: last!.nextOffset + 1, bookmark: null };
      const { failure } = await readToEnd(source(NO_LIMITS), [beyond, ...rest]);
      expect(failure).toMatchObject({ code: 'SOURCE_CHANGED', retry: false });
    });
  });
}

/** Twelve records a partition, one of them large; what else they hold depends on what the source keeps. */
function sampleRecords({ keeps, partitions }: TestedSource): readonly (readonly NewRecord[])[] {
  return Array.from({ length: partitions }, (_, partition) =>
    Array.from({ length: 12 }, (__, index) => {
      const filler = 'é'.repeat(index === 6 ? 400 : index * 5);
      const value = Buffer.from(`{"partition":${partition},"index":${index},"filler":"${filler}"}`);
      if (keeps === 'values') return { timestamp: null, key: null, value, headers: [] };
      return richRecord(value, index, keeps === 'everything' ? null : Buffer.alloc(0));
    }),
  );
}

function richRecord(value: Uint8Array, index: number, emptyHeader: Uint8Array | null): NewRecord {
  const headers = [
    { name: 'naïve', value: Buffer.from([0, 255, index]) },
    { name: '', value: emptyHeader },
  ];
  return {
    timestamp: index % 3 === 0 ? null : 1_700_000_000_000 - index,
    key: [null, Buffer.from(`key-${index}`), Buffer.alloc(0)][index % 3] ?? null,
    value: [value, null, Buffer.alloc(0), value][index % 4] ?? null,
    headers: index % 2 === 0 ? [] : headers,
  };
}

function byPartition(batches: readonly ReadBatch[]): readonly (readonly ReadBatch[])[] {
  const partitions = new Map<string, ReadBatch[]>();
  for (const batch of batches) {
    const name = `${batch.partition.topic}/${batch.partition.partition}`;
    partitions.set(name, [...(partitions.get(name) ?? []), batch]);
  }
  return Array.from(partitions)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, of]) => of);
}

/** Partitions sorted by their content, as their names differ between implementations. */
function inOneOrder(partitions: readonly (readonly unknown[])[]): readonly (readonly unknown[])[] {
  return partitions.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
}

function contents(batches: readonly ReadBatch[]): readonly (readonly unknown[])[] {
  return byPartition(batches).map(of => of.flatMap(({ records }) => records.map(withoutOffset)));
}

/** Records sorted by partition, as records of different partitions have no order. */
function recordsOf(batches: readonly ReadBatch[]): readonly unknown[] {
  return byPartition(batches)
    .flat()
    .flatMap(({ partition, records }) =>
      records.map(record => ({ partition, offset: record.offset, ...withoutOffset(record) })),
    );
}

function withoutOffset({ timestamp, key, value, headers = [] }: NewRecord): Record<string, unknown> {
  return {
    timestamp,
    key: hex(key),
    value: hex(value),
    headers: headers.map(({ name, value: of }) => [name, hex(of)]),
  };
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex');
}
