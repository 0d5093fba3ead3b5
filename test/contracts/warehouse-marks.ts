/** What every implementation of Warehouse must keep for manifests (contract 4.36). The test file of each calls it. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { at } from '../support/event-batches.ts';
import { batch, calls, dayOne, type OpenedWarehouse, sourceOf, start } from './warehouse.ts';

export function describeMarks(implementation: string, open: () => Promise<OpenedWarehouse>): void {
  describe(`warehouse contract, what manifests need: ${implementation}`, () => {
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

    test('the last record below the next offset, and the ids of its log, stay (contract 4.36)', async () => {
      const ids = { cluster: 'c', topic: 't' };
      await warehouse.store(batch(calls, 0, [start('a', 40), start('b', 50)], { ids }));
      const { lastRecord } = sourceOf(warehouse.sources(), calls);
      expect(lastRecord).toMatchObject({ offset: 1, time: at(50), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
      await warehouse.store(batch(calls, 2, [], { next: 4 }));
      expect(sourceOf(warehouse.sources(), calls), 'markers are no records').toMatchObject({ lastRecord, ids });
      await warehouse.store(batch(dayOne, 0, [start('c', 60)], { kind: 'file' }));
      const ofFile = sourceOf(warehouse.sources(), dayOne);
      expect(ofFile).toMatchObject({ lastRecord: { offset: 0, time: null }, ids: null });
      const after = await reopened();
      expect(sourceOf(after, calls)).toMatchObject({ lastRecord, ids });
      expect(sourceOf(after, dayOne).lastRecord).toEqual(ofFile.lastRecord);
    });

    test('the settings that records were read with are listed when they change (contract 4.36)', async () => {
      await warehouse.store(batch(calls, 0, [start('a', 1)]));
      await warehouse.store(batch(calls, 1, [start('b', 2)]));
      await warehouse.store(batch(calls, 2, [start('c', 3)], { keyFormat: 'json' }));
      await reopened();
      await warehouse.store(batch(calls, 3, [start('d', 4)], { keyFormat: 'json' }));
      const formats = (await reopened()).decodings.map(({ keyFormat }) => keyFormat);
      expect(formats).toEqual(['string', 'json']);
    });
  });
}
