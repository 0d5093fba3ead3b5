import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BatchGroup } from '../../../../pipeline/ingest/batch-group.ts';
import type { FoldedBatch } from '../../../../pipeline/ingest/warehouse.ts';
import { batchOf, type EventVerb } from '../../../support/event-batches.ts';
import { openTestStore, type TestStore } from '../../../support/store.ts';

const verbs: readonly EventVerb[] = [
  ...(['service.started', 'service.completed', 'service.associated', 'service.deleted'] as const),
  ...(['state.started', 'task.started', 'extension.updated'] as const),
];

/** A small batch of one of three partitions; most services belong to one partition, `shared` to all. */
const batches = fc.array(
  fc.record({
    partition: fc.nat(2),
    events: fc.array(fc.record({ event: fc.constantFrom(...verbs), service: fc.nat(3) }), { maxLength: 4 }),
  }),
  { maxLength: 12 },
);

type Given = typeof batches extends fc.Arbitrary<infer T> ? T : never;

/** The batches, folded, each following the one before it of its partition. */
function foldedOf(given: Given): readonly FoldedBatch[] {
  const next = [0, 0, 0];
  return given.map(({ partition, events }) => {
    const from = next[partition]!;
    next[partition] = from + events.length;
    const records = events.map(({ event, service }, index) => ({
      ...{ offset: from + index, event, time: from + index },
      service: service === 3 ? 'shared' : `${partition}-${service}`,
    }));
    return batchOf({ partition: { topic: 'calls', partition }, from, next: next[partition]!, records });
  });
}

async function contentOf(store: TestStore) {
  const views = ['services', 'states', 'tasks'];
  const rows = views.map(view => store.rows(`SELECT * FROM ${view} ORDER BY ALL`));
  const counts = 'SELECT topic, partition, next_offset, records_read, applied FROM partitions ORDER BY ALL';
  const deleted = 'SELECT DISTINCT service_id, log FROM deleted_logs ORDER BY ALL';
  return Promise.all([...rows, store.rows(counts), store.rows(deleted)]);
}

test(
  'batches that are stored in groups give the rows that they give when each is stored alone (contract 2.2)',
  async () => {
    await fc.assert(
      fc.asyncProperty(batches, async given => {
        const alone = await openTestStore();
        for (const batch of foldedOf(given)) await alone.warehouse.store(batch);
        const grouped = await openTestStore();
        const stored: Promise<unknown>[] = [];
        const group = new BatchGroup(60_000, together => {
          stored.push(grouped.warehouse.store(...together.map(({ folded }) => folded)));
        });
        for (const folded of foldedOf(given)) group.add({ folded, bytesRead: 1 });
        group.flush();
        await Promise.all(stored);
        expect(await contentOf(grouped)).toEqual(await contentOf(alone));
      }),
      { numRuns: process.env.SOAK ? 300 : 8 },
    );
  },
  process.env.SOAK ? 1_200_000 : 120_000,
);
