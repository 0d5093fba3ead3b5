/** What every implementation of RequestStore and ControlStore must do. The test file of each implementation calls it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import type { ControlPosition, ExportRecord, RequestStore } from '../../pipeline/export/request.ts';
import type { ControlStore } from '../../pipeline/requests/control.ts';
import type { Status } from '../../pipeline/requests/statuses.ts';
import type { MemoryContradiction } from '../support/memory-requests.ts';

export interface OpenedStore {
  readonly store: RequestStore;
  readonly control: ControlStore;
  /** Records a batch that contradicts an export, as the warehouse of the same store does. */
  contradict(contradiction: MemoryContradiction): Promise<void>;
  /** All statuses written so far, in order. */
  statuses(): Promise<readonly Status[]>;
}

export const acceptedAt = Date.parse('2026-03-02T10:11:12.345Z');

export function recordOf(requestId: string): ExportRecord {
  const selection = { filePrefix: 'x/', timeFrom: 0, timeTo: null, filterEvents: 'any', filterState: 'any' } as const;
  const layout = { format: 'csv', compression: 'uncompressed', separator: ',', header: false } as const;
  const rest = { extensions: 'columns', extensionColumns: null, manifest: false, fromReplay: null } as const;
  return {
    requestId,
    state: 'accepted',
    asker: { door: 'control', client: 'a topic' },
    acceptedAt,
    endedAt: null,
    given: { file_prefix: 'x/', time_from: '1970-01-01T00:00:00Z', odd: 'é"\0' },
    plan: {
      parameters: { ...selection, ...layout, ...rest, wait: 'end' },
      timeTo: acceptedAt,
      stamp: acceptedAt,
      destination: { folder: '/exports/x', stem: '', spelled: 'x/' },
      names: [`${requestId}_services.csv`],
      look: null,
    },
    manifest: null,
    error: null,
    cancelledBy: null,
    snapshotBatch: null,
    changedSince: null,
  };
}

const error = { code: 'EXPORT_FAILED', message: 'it failed' } as const;

export function positionAt(from: number, partition = 0, next = from + 1): ControlPosition {
  const position = { nextOffset: next, bookmark: `after ${from}` };
  return { partition: { topic: 'control', partition }, origin: 'test', from, next: position, lost: null };
}

export function describeRequestStore(implementation: string, open: () => Promise<OpenedStore>): void {
  describe(`request store contract: ${implementation}`, () => {
    let store: RequestStore;
    let control: ControlStore;
    let statuses: OpenedStore['statuses'];
    let contradict: OpenedStore['contradict'];
    beforeEach(async () => {
      ({ store, control, statuses, contradict } = await open());
    });
    const offsets = async () => (await control.positions()).map(({ nextOffset }) => nextOffset);
    const statusesOf = async (id: string) =>
      (await statuses()).filter(of => of.request_id === id).map(({ sequence, status }) => `${sequence} ${status}`);

    test('a request is found as it was recorded', async () => {
      await store.insert(recordOf('one'));
      expect(await store.find('one')).toEqual(recordOf('one'));
      expect(await store.find('two')).toBeNull();
      expect(await store.unfinished()).toEqual([recordOf('one')]);
    });

    test('a request recorded as running has two statuses, accepted and running', async () => {
      const record = { ...recordOf('one'), state: 'running' } as const;
      await store.insert(record);
      expect(await store.unfinished()).toEqual([record]);
      expect(await statusesOf('one')).toEqual(['1 accepted', '2 running']);
      await store.update('one', { state: 'completed' });
      expect(await statusesOf('one')).toEqual(['1 accepted', '2 running', '3 completed']);
    });

    test('a request moves to an ended state and never from there (contract 5.1)', async () => {
      await store.insert(recordOf('one'));
      expect(await store.update('one', { state: 'running' })).toEqual({ ...recordOf('one'), state: 'running' });
      const failed = await store.update('one', { state: 'failed', error });
      expect(failed).toEqual(await store.find('one'));
      expect(await store.update('one', { state: 'completed' })).toBeNull();
      expect(await store.update('two', { state: 'running' })).toBeNull();
      expect(await store.find('one')).toMatchObject({ state: 'failed', error, endedAt: expect.any(Number) });
      expect(await store.unfinished()).toEqual([]);
      expect(await statusesOf('one')).toEqual(['1 accepted', '2 running', '3 failed']);
    });

    test.each(['accepted', 'running'] as const)(
      'a request that is %s can be cancelled, and then it can only end',
      async state => {
        await store.insert(recordOf('one'));
        if (state === 'running') await store.update('one', { state });
        expect(await store.cancel('one', 'ben')).toBe(true);
        expect(await store.update('one', { state: 'running' })).toBeNull();
        expect(await store.update('one', { state: 'publishing' })).toBeNull();
        expect(await store.find('one')).toMatchObject({ state, cancelledBy: 'ben' });
        expect(await store.update('one', { state: 'cancelled', error })).toMatchObject({ state: 'cancelled', error });
      },
    );

    test.each(['publishing', 'completed', 'failed'] as const)(
      'a request that is %s cannot be cancelled',
      async state => {
        await store.insert(recordOf('one'));
        await store.update('one', { state });
        expect(await store.cancel('one', 'ben', positionAt(0))).toBe(false);
        expect(await store.find('one')).toMatchObject({ state, cancelledBy: null });
        expect(await offsets(), 'the position does not move').toEqual([]);
      },
    );

    test('an unknown request cannot be cancelled', async () => {
      expect(await store.cancel('one', 'ben', positionAt(0))).toBe(false);
      expect(await offsets()).toEqual([]);
    });

    test('the control position of each partition moves with each change; the first may be any offset', async () => {
      await store.insert(recordOf('one'), positionAt(7));
      await store.repeat('one', positionAt(8));
      await store.cancel('one', 'ben', positionAt(9));
      await control.pass(positionAt(10, 0, 15));
      await control.refuse(
        { requestId: 'two', action: 'replay' },
        new TidemarkError('REQUEST_INVALID', 'no'),
        positionAt(15),
      );
      await store.insert(recordOf('three'), positionAt(3, 1));
      const position = { origin: 'test' };
      expect(await control.positions()).toEqual([
        { ...position, partition: { topic: 'control', partition: 0 }, nextOffset: 16, bookmark: 'after 15' },
        { ...position, partition: { topic: 'control', partition: 1 }, nextOffset: 4, bookmark: 'after 3' },
      ]);
      expect(await statusesOf('two')).toEqual(['0 failed']);
    });

    // contract 5.17
    test.each([
      ['at the last offset again', positionAt(7)],
      ['at an earlier offset', positionAt(6)],
      ['at a later offset than the next', positionAt(9)],
      [
        'after a gap that does not begin at the next offset',
        { ...positionAt(20), lost: { from: 9, to: 20, reason: 'deleted' } },
      ],
    ])('a control record %s is refused and changes nothing', async (_, position) => {
      await store.insert(recordOf('one'), positionAt(7));
      const stale = { code: 'STALE_BATCH' };
      const entry = { record: recordAt(position.from), reject, schemaId: null };
      await expect(store.insert(recordOf('two'), position)).rejects.toMatchObject(stale);
      await expect(store.repeat('one', position)).rejects.toMatchObject(stale);
      await expect(store.cancel('one', 'ben', position)).rejects.toMatchObject(stale);
      await expect(control.pass(position)).rejects.toMatchObject(stale);
      const refused = { requestId: 'one', action: 'export' } as const;
      await expect(control.refuse(refused, new TidemarkError('USAGE', ''), position)).rejects.toMatchObject(stale);
      await expect(control.quarantine(entry, position)).rejects.toMatchObject(stale);
      expect(await store.find('one')).toEqual(recordOf('one'));
      expect(await store.find('two')).toBeNull();
      expect(await offsets()).toEqual([8]);
      expect(await statuses()).toHaveLength(1);
    });

    test('after a gap of lost records the position moves on', async () => {
      await control.pass(positionAt(7));
      await control.pass({ ...positionAt(20), lost: { from: 8, to: 20, reason: 'deleted' } });
      expect(await offsets()).toEqual([21]);
    });

    describe('later events that contradict an export (contract 4.30)', () => {
      const first = { topic: 'calls', partition: 2, offset: 7, at: acceptedAt + 5 };
      const batchOf = (batch: number, requestId = 'one') => ({ requestId, batch, ...first, services: 2 });
      const snapshotOf = async (status: 'complete' | 'provisional', id = 'one') => {
        await store.insert(recordOf(id));
        const manifest = { status, files: [] } as unknown as Manifest;
        await store.update(id, { state: 'publishing', manifest, snapshotBatch: 3 });
      };

      test('those after the completion are shown and reported once', async () => {
        await snapshotOf('complete');
        await store.update('one', { state: 'completed' });
        await store.reportChanges(['one']);
        expect(await statusesOf('one'), 'nothing contradicts it').toHaveLength(3);
        await contradict(batchOf(4));
        await contradict({ ...batchOf(5), offset: 9, services: 1 });
        const changedSince = { ...first, services: 3 };
        expect(await store.find('one')).toMatchObject({ changedSince });
        expect(await store.list(1)).toMatchObject([{ changedSince }]);
        await store.reportChanges(['one']);
        await contradict(batchOf(6));
        await store.reportChanges(['one']);
        await store.reportChanges();
        expect((await statusesOf('one')).slice(3)).toEqual(['4 completed']);
        expect((await statuses()).at(-1)).toMatchObject({ changed_since: { offset: 7, services: 3 } });
      });

      test('those between the snapshot and the completion stand in its status', async () => {
        await snapshotOf('complete');
        await contradict(batchOf(4));
        expect(await store.find('one'), 'it has not ended').toMatchObject({ changedSince: null });
        const changedSince = { ...first, services: 2 };
        expect(await store.update('one', { state: 'completed' })).toMatchObject({ changedSince });
        expect((await statuses()).at(-1)).toMatchObject({ status: 'completed', changed_since: { services: 2 } });
        await store.reportChanges();
        expect(await statusesOf('one')).toHaveLength(3);
      });

      test('batches in the snapshot, and provisional exports, do not count', async () => {
        await snapshotOf('complete');
        await snapshotOf('provisional', 'two');
        await contradict(batchOf(3));
        await contradict(batchOf(4, 'two'));
        for (const id of ['one', 'two']) await store.update(id, { state: 'completed' });
        await store.reportChanges();
        expect(await store.list(2)).toMatchObject([{ changedSince: null }, { changedSince: null }]);
        expect(await statuses()).toHaveLength(6);
      });

      test('without ids, all that are not reported yet are reported', async () => {
        for (const id of ['one', 'two', 'three']) await snapshotOf('complete', id);
        for (const id of ['one', 'two', 'three']) await store.update(id, { state: 'completed' });
        for (const id of ['one', 'two']) await contradict(batchOf(4, id));
        await store.reportChanges(['one']);
        await store.reportChanges();
        expect(
          [await statusesOf('one'), await statusesOf('two'), await statusesOf('three')].map(({ length }) => length),
        ).toEqual([4, 4, 3]);
      });
    });

    test('only ended requests are forgotten (contract 5.6)', async () => {
      for (const id of ['one', 'two']) await store.insert(recordOf(id));
      await store.update('one', { state: 'completed' });
      await store.forgetEndedBefore(acceptedAt + 1_000_000);
      expect((await store.list(10)).map(({ requestId }) => requestId)).toEqual(['two']);
    });
  });
}

const reject = { reason: 'NO_KEY', field: null, message: 'no key' } as const;

function recordAt(offset: number) {
  return { offset, timestamp: null, key: null, value: Buffer.from('x'), headers: [] };
}
