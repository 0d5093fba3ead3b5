/** What every implementation of Warehouse must do with batches of several partitions. The test file of each calls it. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Sources } from '../../pipeline/completeness/sources.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { batch, calls, type OpenedWarehouse, otherCalls, sourceOf, start } from './warehouse.ts';

export function describeGroups(implementation: string, open: () => Promise<OpenedWarehouse>): void {
  describe(`warehouse contract, several partitions: ${implementation}`, () => {
    let opened: OpenedWarehouse;
    let warehouse: Warehouse;
    beforeEach(async () => {
      opened = await open();
      ({ warehouse } = opened);
    });
    /** What the next process knows, which goes on with the test. */
    const reopened = async () => {
      opened = await opened.reopen();
      ({ warehouse } = opened);
      return warehouse.sources();
    };

    describe('batches of several partitions in one transaction', () => {
      test('move the position of each, and each counts for its own source', async () => {
        await warehouse.store(batch(calls, 0, [start('a', 1)]));
        await warehouse.store(
          batch(calls, 1, [start('b', 2), start('c', 3)]),
          batch(otherCalls, 5, [start('d', 4), ['service.deleted', 'd', 5]]),
        );
        const read = (known: Sources) =>
          [calls, otherCalls].map(partition => {
            const { firstOffset, nextOffset, recordsRead } = sourceOf(known, partition);
            return [firstOffset, nextOffset, recordsRead];
          });
        const wanted = [
          [0, 3, 3],
          [5, 7, 2],
        ];
        expect(read(warehouse.sources())).toEqual(wanted);
        expect(read(await reopened())).toEqual(wanted);
        await warehouse.store(batch(otherCalls, 7, []), batch(calls, 3, [start('e', 5)]));
        expect(sourceOf(warehouse.sources(), calls).nextOffset).toBe(4);
      });

      test('change nothing when one of them does not follow', async () => {
        await warehouse.store(batch(calls, 0, [start('a', 1)]), batch(otherCalls, 0, [start('b', 2)]));
        const before = warehouse.sources();
        const refused = warehouse.store(batch(calls, 1, [start('c', 3)]), batch(otherCalls, 2, [start('d', 4)]));
        await expect(refused).rejects.toMatchObject({ code: 'STALE_BATCH' });
        expect(warehouse.sources()).toEqual(before);
        expect(await reopened()).toEqual(before);
        await warehouse.store(batch(calls, 1, [start('c', 3)]), batch(otherCalls, 1, [start('d', 4)]));
      });
    });
  });
}
