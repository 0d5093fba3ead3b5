/** What every RequestStore lists. The test file of each implementation calls it. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { ListFilter, RequestStore } from '../../pipeline/export/request.ts';
import { acceptedAt, recordOf } from './request-store.ts';

const all: ListFilter = { after: null, states: null, door: null, acceptedFrom: null, acceptedTo: null };

export function describeRequestLists(implementation: string, open: () => Promise<RequestStore>): void {
  describe(`lists of requests: ${implementation} (contract 5.12)`, () => {
    let store: RequestStore;
    const insert = (requestId: string, ms: number, door: 'http' | 'control' | 'cli' = 'http') =>
      store.insert({ ...recordOf(requestId), acceptedAt: acceptedAt + ms, asker: { door, client: 'c' } });
    const ids = async (limit: number, filter: Partial<ListFilter> = {}) =>
      (await store.list(limit, { ...all, ...filter })).map(({ requestId }) => requestId);
    beforeEach(async () => {
      store = await open();
    });

    test('pages of any size hold every request once, newest first, also when new ones come and old ones go', async () => {
      for (const [id, ms] of [
        ['é', 1],
        ['a', 2],
        ['B', 2],
        ['\u{1F600}', 2],
        ['\uFFFD', 2],
        ['z', 3],
      ] as const)
        await insert(id, ms);
      const whole = await ids(10);
      let came = 0;
      expect(whole).toEqual(['z', 'B', 'a', '\uFFFD', '\u{1F600}', 'é']);
      for (let size = 1; size <= whole.length; size += 1) {
        const paged: string[] = [];
        for (let after: ListFilter['after'] = null; ; ) {
          const page: Awaited<ReturnType<RequestStore['list']>> = await store.list(size, { ...all, after });
          paged.push(...page.map(({ requestId }) => requestId));
          after = page.at(-1) ?? null;
          came += 1;
          await insert(`new ${came}`, 1_000 + came);
          if (after === null) break;
        }
        expect(
          paged.filter(id => !id.startsWith('new')),
          `pages of ${size}`,
        ).toEqual(whole);
      }
      await store.update('a', { state: 'completed' });
      await store.forgetEndedBefore(acceptedAt + 1_000_000);
      expect(await ids(10, { after: { acceptedAt: acceptedAt + 2, requestId: 'a' } })).toEqual([
        '\uFFFD',
        '\u{1F600}',
        'é',
      ]);
    });

    test('a filter by states, by door and by time', async () => {
      await insert('one', 1);
      await insert('two', 2, 'control');
      await insert('three', 3, 'cli');
      await store.update('one', { state: 'running' });
      await store.update('two', { state: 'failed' });
      expect(await ids(10, { states: ['running', 'publishing'] })).toEqual(['one']);
      expect(await ids(10, { states: ['failed', 'accepted'] })).toEqual(['three', 'two']);
      expect(await ids(10, { door: 'control' })).toEqual(['two']);
      expect(await ids(10, { acceptedFrom: acceptedAt + 2, acceptedTo: acceptedAt + 3 })).toEqual(['two']);
      expect(await ids(10, { door: 'cli', states: ['failed'] })).toEqual([]);
      expect(await ids(1, { acceptedTo: acceptedAt + 3 })).toEqual(['two']);
    });
  });
}
