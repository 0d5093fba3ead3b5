import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Database } from '../../../connectors/duckdb/file/database.ts';
import { DuckDbRequestStore } from '../../../connectors/duckdb/request-store.ts';
import type { Manifest } from '../../../pipeline/export/manifest.ts';
import type { Status } from '../../../pipeline/requests/statuses.ts';
import { describeRequestLists } from '../../contracts/request-lists.ts';
import { acceptedAt, describeRequestStore, positionAt, recordOf } from '../../contracts/request-store.ts';
import { type MemoryContradiction, MemoryRequestStore } from '../../support/memory-requests.ts';
import { putEmptyDatabase } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function openDatabase() {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  const db = path.join(folder.path, 'test.duckdb');
  await putEmptyDatabase(db);
  return async (statuses = true) => {
    const database = await Database.open({ path: db, memoryLimit: '256MB', threads: 2 });
    let now = acceptedAt;
    const store = await DuckDbRequestStore.open(database, { now: () => (now += 1), statuses });
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (isOpen) await store.close();
      if (isOpen) await database.close();
      isOpen = false;
    };
    onTestFinished(close);
    return { store, database, close };
  };
}

const texts = async ({ outbox }: DuckDbRequestStore) =>
  (await outbox.oldest(1_000)).map(({ status }) => JSON.parse(status) as Status);
const statusLines = async (store: DuckDbRequestStore) =>
  (await texts(store)).map(({ request_id, sequence, status }) => `${request_id} ${sequence} ${status}`);

describeRequestStore('DuckDB', async () => {
  const { store, database } = await (await openDatabase())();
  const contradict = async ({ requestId, batch, at, topic, partition, offset, services }: MemoryContradiction) => {
    const connection = await database.connect();
    await connection.run(
      `INSERT INTO contradictions VALUES ('${requestId}', ${batch}, make_timestamp(${at * 1000}), '${topic}', ${partition}, ${offset}, ${services})`,
    );
    connection.closeSync();
  };
  return { store, control: store.control, statuses: () => texts(store), contradict };
});

describeRequestStore('memory', async () => {
  const contradictions: MemoryContradiction[] = [];
  const store = new MemoryRequestStore(contradictions);
  const contradict = async (contradiction: MemoryContradiction) => void contradictions.push(contradiction);
  return { store, control: store.control, statuses: async () => store.statuses, contradict };
});

describeRequestLists('DuckDB', async () => (await (await openDatabase())()).store);
describeRequestLists('memory', async () => new MemoryRequestStore());

test('the open requests held in memory equal those that the next process reads', async () => {
  const open = await openDatabase();
  const first = await open();
  for (const id of ['ended', 'cancelled', 'running', 'accepted']) await first.store.insert(recordOf(id));
  await first.store.update('ended', { state: 'failed', error: { code: 'DISK_FULL', message: 'no room' } });
  await first.store.cancel('cancelled', 'ben');
  await first.store.update('running', { state: 'running' });
  await first.store.recordProgress('running', { phase: 'writing', file: 'services', rows: 1, bytes: 2 });
  const held = await first.store.unfinished();
  expect(held.map(({ requestId }) => requestId)).toEqual(['cancelled', 'running', 'accepted']);
  const ended = await first.store.find('ended');
  await first.close();
  const second = await open();
  expect(await second.store.unfinished()).toEqual(held);
  expect(await second.store.find('ended')).toEqual(ended);
  await second.store.update('running', { state: 'publishing' });
  expect((await statusLines(second.store)).filter(line => line.startsWith('running'))).toEqual([
    'running 1 accepted',
    'running 2 running',
    'running 3 running',
    'running 4 running',
  ]);
});

describe('the outbox', () => {
  test('keeps its order over a restart, and sequences continue when all statuses were sent', async () => {
    const open = await openDatabase();
    const first = await open();
    await first.store.insert(recordOf('one'));
    await first.store.insert(recordOf('two'));
    await first.store.update('one', { state: 'running' });
    await first.close();
    const second = await open();
    expect(await statusLines(second.store)).toEqual(['one 1 accepted', 'two 1 accepted', 'one 2 running']);
    const numbers = (await second.store.outbox.oldest(10)).map(({ number }) => number);
    await second.store.outbox.sent(numbers[1]!);
    expect(await statusLines(second.store)).toEqual(['one 2 running']);
    await second.store.outbox.sent(numbers[2]!);
    expect(await second.store.outbox.count()).toBe(0);
    await second.close();
    const third = await open();
    await third.store.recordProgress('one', { phase: 'writing', file: 'states', rows: 7, bytes: 8 });
    await third.store.update('one', { state: 'completed' });
    expect(await texts(third.store)).toMatchObject([
      { sequence: 3, status: 'running', progress: { phase: 'writing', file: 'states', rows: 7, bytes: 8 } },
      { sequence: 4, status: 'completed', created: ['x/one_services.csv'] },
    ]);
  });

  test('adds after a restart behind the statuses that wait, however many were sent before', async () => {
    const open = await openDatabase();
    const first = await open();
    for (const id of ['one', 'two', 'three']) await first.store.insert(recordOf(id));
    const [, sent] = await first.store.outbox.oldest(2);
    await first.store.outbox.sent(sent!.number);
    await first.close();
    const { store } = await open();
    await store.insert(recordOf('four'));
    expect(await statusLines(store), 'the order of the changes').toEqual(['three 1 accepted', 'four 1 accepted']);
  });

  // contract 5.18
  test('repeats only the last status of an ended request, unchanged, and adds no progress for it', async () => {
    const { store } = await (await openDatabase())();
    await store.insert(recordOf('one'), positionAt(0));
    await store.repeat('one', positionAt(1));
    await store.update('one', { state: 'completed' });
    await store.recordProgress('one', { phase: 'writing', file: null, rows: 0, bytes: 0 });
    await store.repeat('one', positionAt(2));
    expect(await statusLines(store)).toEqual(['one 1 accepted', 'one 2 completed', 'one 2 completed']);
    const [, end, again] = await texts(store);
    expect(again).toEqual(end);
  });

  test('stays empty without a status topic; an ended request gets its first status when it is repeated', async () => {
    const open = await openDatabase();
    const withoutTopic = await open(false);
    await withoutTopic.store.insert(recordOf('one'));
    await withoutTopic.store.recordProgress('one', { phase: 'writing', file: null, rows: 0, bytes: 0 });
    await withoutTopic.store.update('one', { state: 'completed' });
    expect(await withoutTopic.store.outbox.count()).toBe(0);
    await withoutTopic.close();
    const { store } = await open();
    await store.repeat('one', positionAt(0));
    expect(await statusLines(store)).toEqual(['one 1 completed']);
  });

  test('stays empty without a status topic, and a change that fails changes nothing', async () => {
    const open = await openDatabase();
    const withoutTopic = await open(false);
    await withoutTopic.store.insert(recordOf('one'));
    const manifest: Record<string, unknown> = {};
    manifest.itself = manifest;
    const unwritable = { state: 'publishing', manifest: manifest as unknown as Manifest } as const;
    await expect(withoutTopic.store.update('one', unwritable)).rejects.toThrow('circular');
    expect(await withoutTopic.store.unfinished()).toEqual([recordOf('one')]);
    expect(await withoutTopic.store.update('one', { state: 'completed' })).toMatchObject({ state: 'completed' });
    await withoutTopic.close();
    const { store } = await open();
    expect(await store.find('one')).toMatchObject({ state: 'completed', manifest: null });
    expect(await store.outbox.count()).toBe(0);
  });

  test('resolves `changed` when a status is added, and when the signal aborts', async () => {
    const { store } = await (await openDatabase())();
    const controller = new AbortController();
    const changed = store.outbox.changed(controller.signal);
    await store.insert(recordOf('one'));
    await changed;
    const aborted = store.outbox.changed(controller.signal);
    controller.abort();
    await aborted;
    await store.outbox.changed(controller.signal);
  });

  test('has no status of a transaction that failed', async () => {
    const { store, database } = await (await openDatabase())();
    const connection = await database.connect();
    await connection.run('DROP TABLE outbox');
    await expect(store.insert(recordOf('one'), positionAt(0))).rejects.toThrow('outbox');
    expect(await store.find('one')).toBeNull();
    expect(await store.control.positions()).toEqual([]);
    connection.closeSync();
  });
});

test('close waits for earlier calls, later ones are refused, and no thread is left behind', async () => {
  const open = await openDatabase();
  for (let round = 0; round < 20; round += 1) {
    const { store, close } = await open();
    const asked = Array.from({ length: 10 }, () => store.find('nobody'));
    const closed = close();
    expect(await Promise.all(asked)).toEqual(Array(10).fill(null));
    await closed;
    await expect(store.find('nobody')).rejects.toMatchObject({ code: 'INTERRUPTED' });
  }
});
