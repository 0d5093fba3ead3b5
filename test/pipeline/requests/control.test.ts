import { expect, onTestFinished, test, vi } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { serveControl } from '../../../pipeline/requests/control.ts';
import { given, MemoryService, memoryWorld, type ServiceOptions, settled } from '../../support/memory-service.ts';
import { noReplayJobs } from '../../support/no-replays.ts';

async function opened(options: ServiceOptions = {}) {
  const world = memoryWorld();
  const service = new MemoryService(world, options);
  await service.start();
  onTestFinished(() => service.stop());
  const ask = (id: string | null, more: object = {}) => world.topic.append(id, { action: 'export', ...given, ...more });
  const told = (id: string) =>
    world.store.statuses
      .filter(({ request_id }) => request_id === id)
      .map(({ sequence, status, error }) => [sequence, status, ...(error === null ? [] : [error.code])]);
  return { ...world, service, ask, told, moved: () => world.store.moves.map(({ next }) => next) };
}

test('each record moves the position by one, with the bookmark after it (contract 5.17)', async () => {
  const { topic, ask, moved, store, service } = await opened();
  service.snapshots.open();
  ask('one');
  ask('one');
  ask('one', { header: true });
  ask(null);
  topic.append('one', { action: 'cancel' });
  await settled();
  expect(moved()).toEqual([1, 2, 3, 4, 5].map(nextOffset => ({ nextOffset, bookmark: `after ${nextOffset - 1}` })));
  expect(store.setAside.map(({ reject }) => reject.reason)).toEqual(['NO_KEY']);
});

test('refusals have sequence 0, whatever statuses come before and after (contract 5.18)', async () => {
  const { topic, ask, told, service } = await opened();
  topic.append('one', { action: 'cancel' });
  ask('one', { format: 'xml' });
  ask('one');
  await settled();
  ask('one', { format: 'csv' });
  ask('two', { file_prefix: '../x' });
  service.snapshots.open();
  await settled();
  topic.append('one', { action: 'cancel' });
  await settled();
  expect(told('one')).toEqual([
    [0, 'failed', 'REQUEST_UNKNOWN'],
    [0, 'failed', 'REQUEST_INVALID'],
    [1, 'accepted'],
    [2, 'running'],
    [0, 'failed', 'REQUEST_CONFLICT'],
    [3, 'running'],
    [4, 'completed'],
    [0, 'failed', 'REQUEST_ENDED'],
  ]);
  expect(told('two')).toEqual([[0, 'failed', 'PREFIX_REFUSED']]);
});

test('a full queue refuses nothing: the record stays in the topic until there is room (contract 5.17)', async () => {
  const { ask, moved, store, service } = await opened({ maxQueued: 0 });
  for (const id of ['one', 'two', 'three']) ask(id);
  await settled();
  expect([moved().length, store.records.size]).toEqual([1, 1]);
  service.snapshots.go();
  await settled();
  expect([moved().length, store.records.size]).toEqual([2, 2]);
  service.snapshots.open();
  await settled();
  expect([...store.records.values()].map(({ state }) => state)).toEqual(['completed', 'completed', 'completed']);
});

test('a stop while a record waits for room leaves it in the topic', async () => {
  const { ask, moved, service } = await opened({ maxQueued: 0 });
  ask('one');
  ask('two');
  await settled();
  await service.stop();
  expect(moved()).toHaveLength(1);
  expect(service.crashes).toEqual([]);
});

test.each(['EXPORT_ROOT_GONE', 'NOT_WRITABLE'] as const)(
  'a record waits in the topic while the export root is away (%s), and is served when it is back (contract 4.35)',
  async code => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { directory, ask, moved, told, service } = await opened();
    const resolve = vi.spyOn(directory, 'resolve').mockRejectedValue(new TidemarkError(code, 'away'));
    ask('one');
    await vi.advanceTimersByTimeAsync(5_000);
    expect([moved().length, told('one'), service.crashes]).toEqual([0, [], []]);
    resolve.mockRestore();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told('one').slice(0, 2)).toEqual([
      [1, 'accepted'],
      [2, 'running'],
    ]);
  },
);

test('a failure that the request did not cause ends the reading, and the record stays in the topic', async () => {
  const { store, ask, moved, service } = await opened();
  store.insert = async () => {
    throw new TidemarkError('DISK_FULL', 'no space is left');
  };
  ask('one');
  await settled();
  expect(service.crashes).toMatchObject([{ code: 'DISK_FULL' }]);
  expect(moved()).toEqual([]);
});

test('each record of a batch is served, and offsets without a record are passed', async () => {
  const { store } = memoryWorld();
  const records = [3, 5].map(offset => ({ offset, timestamp: null, key: null, value: null, headers: [] }));
  const partition = { topic: 'control', partition: 0 };
  const lost = { from: 0, to: 3, reason: 'deleted' };
  const batch = { partition, kind: 'live', origin: 'test', bytesRead: 0 } as const;
  const source = {
    async *read() {
      yield { ...batch, records, from: 3, lost, next: { nextOffset: 8, bookmark: 'after 5' } };
      yield { ...batch, records: [], from: 8, next: { nextOffset: 9, bookmark: 'after 5' } };
    },
  };
  const { jobs } = new MemoryService(memoryWorld());
  await serveControl({
    source,
    registry: null,
    store: store.control,
    jobs,
    replays: noReplayJobs,
    signal: new AbortController().signal,
  });
  expect(
    store.moves.map(({ from, lost: gap, next }) => [from, gap?.from ?? null, next.nextOffset, next.bookmark]),
  ).toEqual([
    [3, 0, 4, null],
    [4, null, 8, 'after 5'],
    [8, null, 9, 'after 5'],
  ]);
  expect(store.setAside.map(({ record }) => record.offset)).toEqual([3, 5]);
});
