import { expect, onTestFinished, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { serveControl } from '../../../pipeline/requests/control.ts';
import { type HeldReplays, ReplayWorld } from '../../support/held-replays.ts';
import { MemoryTopic } from '../../support/memory-service.ts';

const noExports = {
  submit: async () => {
    throw new Error('no export is asked for');
  },
  cancel: async (id: string) => {
    throw new TidemarkError('REQUEST_UNKNOWN', `there is no export ${id}`);
  },
  room: async () => undefined,
};

/** Serves the topic until so many records are served, or until the returned function is called. */
function serve(topic: MemoryTopic, { store, jobs: replays }: HeldReplays) {
  const stopping = new AbortController();
  let served = 0;
  const reading = serveControl({
    ...{ source: topic, registry: null, store: store.control, jobs: noExports, replays, signal: stopping.signal },
    onServed: () => {
      served += 1;
    },
  });
  const stop = async (): Promise<void> => {
    stopping.abort();
    await reading;
  };
  onTestFinished(stop);
  const untilServed = async (records: number): Promise<void> => {
    while (served < records) await new Promise(resolve => setImmediate(resolve));
  };
  return { stop, untilServed, served: () => served };
}

const told = async (service: HeldReplays, id: string) =>
  (await service.statuses(id)).map(({ sequence, status, error }) => [sequence, status, error?.code ?? null]);

test('the control topic asks for replays and cancels them, each record once (contract 5.16, 5.17, 5.27)', async () => {
  const world = await ReplayWorld.make();
  const service = await world.start();
  const topic = new MemoryTopic();
  const serving = serve(topic, service);
  const replay = (id: string, more: object = {}) => topic.append(id, { action: 'replay', ...more });
  replay('march', { until: 'calls/0=5', allow_gaps: true });
  replay('march', { until: 'calls/0=5', allow_gaps: true });
  replay('march', { until: 'now' });
  replay('april', { until: 'manifest:x.json' });
  replay('april', { file_prefix: 'x' });
  replay('april', { until: ['now'] });
  topic.append('may', { action: 'cancel' });
  await serving.untilServed(7);
  const run = await service.run('march');
  topic.append('march', { action: 'cancel' });
  topic.append('march', { action: 'cancel' });
  replay('march', { until: 'calls/0=5', allow_gaps: true });
  await serving.untilServed(10);
  expect(service.runs).toEqual([run]);
  expect((await service.jobs.find('march')).record).toMatchObject({
    ...{ state: 'cancelled', cancelledBy: 'a record of control', asker: { door: 'control', client: 'control' } },
    given: { until: 'calls/0=5', allow_gaps: 'true' },
  });
  const statuses = await told(service, 'march');
  expect(statuses.filter(([sequence]) => sequence !== 0)).toEqual([
    [1, 'accepted', null],
    [2, 'running', null],
    [3, 'cancelled', 'CANCELLED'],
    [3, 'cancelled', 'CANCELLED'],
  ]);
  const refusals = statuses.filter(([sequence]) => sequence === 0).map(([, , code]) => code);
  expect(refusals).toEqual(['REQUEST_CONFLICT', 'REQUEST_ENDED']);
  const invalid = [0, 'failed', 'REQUEST_INVALID'];
  expect(await told(service, 'april')).toEqual([invalid, invalid, invalid]);
  const actions = async (id: string) => (await service.statuses(id)).map(({ action }) => action);
  expect(await actions('april')).toEqual(['replay', 'replay', 'replay']);
  expect(await actions('may')).toEqual(['export']);
  expect((await service.statuses('may'))[0]?.error).toEqual({
    code: 'REQUEST_UNKNOWN',
    message: 'there is no export and no replay with request id "may"',
  });
  const [position] = await service.store.control.positions();
  expect(position?.nextOffset).toBe(10);
});

test('a replay without room in the queue is refused, so that the records behind it do not wait (contract 5.17)', async () => {
  const world = await ReplayWorld.make();
  const first = await world.start({ maxQueued: 0 });
  const topic = new MemoryTopic();
  const serving = serve(topic, first);
  topic.append('a', { action: 'replay' });
  topic.append('b', { action: 'replay' });
  topic.append('c', { action: 'cancel' });
  await serving.untilServed(3);
  expect(await told(first, 'b')).toEqual([[0, 'failed', 'QUEUE_FULL']]);
  expect(await first.store.replays.find('b')).toBeNull();
  (await first.run('a')).end();
  await first.reached('a', 'completed');
  topic.append('b', { action: 'replay' });
  (await first.run('b')).end();
  await first.reached('b', 'completed');
});

test('a restart serves no replay of the control topic twice, and refuses none that comes as the service stops (contract 5.17)', async () => {
  const world = await ReplayWorld.make();
  const first = await world.start();
  const topic = new MemoryTopic();
  const serving = serve(topic, first);
  topic.append('a', { action: 'replay' });
  await first.run('a');
  topic.append('b', { action: 'replay' });
  const stopped = first.stop();
  await Promise.all([serving.stop(), stopped]);

  const next = await world.start();
  serve(topic, next);
  (await next.run('a')).end();
  (await next.run('b')).end();
  await next.reached('b', 'completed');
  expect((await next.store.replays.all()).map(({ requestId, state }) => [requestId, state])).toEqual([
    ['a', 'completed'],
    ['b', 'completed'],
  ]);
});
