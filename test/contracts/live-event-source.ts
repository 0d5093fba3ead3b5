/** What every implementation of the LiveEventSource port must do. The test file of each implementation calls it. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { partitionName } from '../../pipeline/partition.ts';
import type { LiveEventSource, NewRecord, StoredPosition } from '../../pipeline/ports.ts';

export interface OpenedLiveSource {
  readonly source: LiveEventSource;
  close(): Promise<void>;
}

/** Opens a source of these records, with batches of at most 10 records. */
export type OpenLiveSource = (partitions: readonly (readonly NewRecord[])[]) => Promise<OpenedLiveSource>;

const records: readonly NewRecord[] = Array.from({ length: 30 }, (_, index) => ({
  timestamp: 1_000_000_000_000 + index,
  key: Buffer.from('k'),
  value: Buffer.from(`v${index}`),
}));

export function describeLiveEventSource(name: string, open: OpenLiveSource): void {
  describe(`live event source contract: ${name}`, () => {
    test.each([
      ['its beginning', 0],
      ['its stored position', 10],
    ])(
      'a partition that must be read again is read again from %s, and the others go on',
      async (_, from) => {
        const { source, close } = await open([records, records]);
        onTestFinished(close);
        const stop = new AbortController();
        const stored = new Map<string, StoredPosition>();
        let again: string | null = null;
        for await (const { partition, origin, from: first, next } of source.read([], stop.signal)) {
          const place = partitionName(partition);
          const expected = stored.get(place)?.nextOffset ?? 0;
          if (again === null && first === from) {
            again = place;
            source.readAgain(partition, { stored: stored.get(place), from, afterMs: 100 });
            continue;
          }
          // What was on its way when the partition had to be read again is dropped, as the caller must.
          if (place === again && first !== expected) continue;
          expect(first, `the batch of ${place}`).toBe(expected);
          stored.set(place, { partition, origin, ...next });
          if (stored.size === 2 && [...stored.values()].every(({ nextOffset }) => nextOffset === 30)) stop.abort();
        }
        expect([...stored.values()].map(({ nextOffset }) => nextOffset)).toEqual([30, 30]);
      },
      60_000,
    );
  });
}
