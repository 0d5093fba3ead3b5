import { describe, expect, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { ReplayWorld, readSoFar } from '../../support/held-replays.ts';

const stateOf = (statuses: readonly { readonly status: string; readonly sequence: number }[]) =>
  statuses.map(({ status, sequence }) => [sequence, status]);

describe('a replay (contract 5.25)', () => {
  test('is recorded before any work, runs, and ends once, with a status for each change', async () => {
    const world = await ReplayWorld.make();
    const service = await world.start();
    const { record, phase } = await service.submit('march', { until: '2026-03-01T00:00:00Z' });
    expect([record.state, phase]).toEqual(['accepted', 'queued']);
    expect(record.plan).toEqual({
      ...{ from: 'beginning', until: '2026-03-01T00:00:00Z', allowGaps: false },
      ...{ paths: ['/var/log/calls'], file: 'march.duckdb' },
    });
    const run = await service.run('march');
    expect(await service.jobs.find('march')).toMatchObject({ record: { state: 'running' }, phase: 'reading the log' });
    world.now += 4_000;
    run.onProgress({ ...readSoFar, recordsRead: 3 });
    expect((await service.jobs.find('march')).progress.recordsRead).toBe(3);
    world.now += 2_000;
    run.onProgress({ ...readSoFar, recordsRead: 5 });
    world.now += 1_000;
    run.end();
    expect(await service.reached('march', 'completed')).toMatchObject({
      ...{ progress: readSoFar, endedAt: world.now, usedAt: world.now, droppedAt: null, error: null },
    });
    const statuses = await service.statuses('march');
    expect(stateOf(statuses)).toEqual([
      [1, 'accepted'],
      [2, 'running'],
      [3, 'running'],
      [4, 'completed'],
    ]);
    expect(statuses.map(({ progress }) => [progress?.phase, progress?.rows])).toEqual([
      ['queued', 0],
      ['reading the log', 0],
      ['reading the log', 5],
      ['ended', 7],
    ]);
    expect(statuses.at(-1)).toMatchObject({
      action: 'replay',
      service: 's',
      created: [],
      error: null,
      completeness: null,
    });
    expect(service.changes).toEqual(['march accepted', 'march running', 'march completed']);
  });

  test('of a known id is the recorded one; with other parameters, or the id of an export, it is refused', async () => {
    const service = await (await ReplayWorld.make()).start();
    await service.submit('march', { until: 'now' });
    expect((await service.submit('march', { until: 'now' })).record.requestId).toBe('march');
    await expect(service.submit('march')).rejects.toMatchObject({
      code: 'REQUEST_CONFLICT',
      message: 'request id "march" was used with other parameters: {"until":"now"}; use a new id',
    });
    expect(service.runs.length).toBeLessThanOrEqual(1);
  });

  test('is refused with all faults named, and not recorded', async () => {
    const service = await (await ReplayWorld.make()).start();
    const given = { from: '10:00', until: 'manifest:x.json', file_prefix: 'x' };
    await expect(service.submit('..', given)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringMatching(
        /^file_prefix .*; from is "10:00"; .*; until is "manifest:x.json"; .*; the request id/,
      ),
    });
    expect(await service.store.replays.all()).toEqual([]);
  });

  test.each(['calls/0=5', 'a/0=1,b/12=0', '2026-03-01T00:00:00Z', '2026-03-01T01:00:00 01:00', 'beginning', 'now'])(
    'takes the place %s',
    async place => {
      const service = await (await ReplayWorld.make()).start();
      const { record } = await service.submit('x', { until: place });
      expect(record.plan.until).toBe(place.replace(' 01:00', '+01:00'));
    },
  );

  test.each(['', 'calls/0=', 'calls/0=5,calls/0=6', 'calls=5', 'today'])('does not take the place %j', async place => {
    const service = await (await ReplayWorld.make()).start();
    await expect(service.submit('x', { from: place })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  test('that has ended is not run again, and keeps its database', async () => {
    const world = await ReplayWorld.make();
    const service = await world.start();
    await service.submit('a');
    await service.submit('b');
    world.folder.files.add('b.duckdb');
    await service.store.replays.update('b', { state: 'completed', progress: readSoFar });
    (await service.run('a')).end();
    await service.reached('b', 'completed');
    expect(service.runs.map(({ requestId }) => requestId)).toEqual(['a']);
    expect([...world.folder.files]).toEqual(['a.duckdb', 'b.duckdb']);
  });

  test('that fails says why, in the words of its log without its folders, and leaves no database', async () => {
    const world = await ReplayWorld.make();
    const service = await world.start();
    await service.submit('march');
    const message = 'the log /var/log/calls ends too early';
    (await service.run('march')).fail(new TidemarkError('SOURCE_CHANGED', message));
    const failed = await service.reached('march', 'failed');
    expect(failed).toMatchObject({ error: { code: 'SOURCE_CHANGED', message }, droppedAt: world.now, usedAt: null });
    expect([...world.folder.files]).toEqual([]);
    const last = (await service.statuses('march')).at(-1);
    expect(last?.error).toEqual({ code: 'SOURCE_CHANGED', message: 'the log calls ends too early' });
  });
});

describe('replays at once (contract 5.26)', () => {
  test('run in the turns of their clients, and no more than are allowed', async () => {
    const service = await (await ReplayWorld.make()).start();
    for (const [id, client] of [
      ['a1', 'anna'],
      ['a2', 'anna'],
      ['a3', 'anna'],
      ['b1', 'bob'],
    ] as const)
      await service.submit(id, {}, client);
    for (const id of ['a1', 'a2', 'b1', 'a3']) {
      const run = await service.run(id);
      expect([service.jobs.running, service.runs.at(-1)?.requestId]).toEqual([1, id]);
      run.end();
      await service.reached(id, 'completed');
    }
    expect([service.jobs.running, service.jobs.waiting]).toEqual([0, 0]);
  });

  test('wait up to the length of the queue; a further one is refused and not recorded', async () => {
    const service = await (await ReplayWorld.make()).start({ maxQueued: 1 });
    await service.submit('a');
    await service.submit('b');
    await expect(service.submit('c')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(await service.store.replays.find('c')).toBeNull();
    (await service.run('a')).end();
    await service.reached('a', 'completed');
    await service.submit('c');
  });
});

describe('cancelling a replay', () => {
  test('ends one that runs and one that waits, and removes the database', async () => {
    const world = await ReplayWorld.make();
    const service = await world.start();
    await service.submit('a');
    await service.submit('b');
    await service.run('a');
    const message = (id: string) => `replay ${id} was cancelled by olga; it has no database`;
    for (const id of ['b', 'a']) {
      const record = await service.jobs.cancel(id, 'olga');
      expect(record).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED', message: message(id) } });
    }
    expect([...world.folder.files]).toEqual([]);
    await expect(service.jobs.cancel('a', 'olga')).rejects.toMatchObject({
      ...{ code: 'REQUEST_ENDED', message: 'replay a cannot be cancelled: it is cancelled' },
    });
    await expect(service.jobs.cancel('x', 'olga')).rejects.toMatchObject({ code: 'REQUEST_UNKNOWN' });
    expect(stateOf(await service.statuses('a'))).toEqual([
      [1, 'accepted'],
      [2, 'running'],
      [3, 'cancelled'],
    ]);
  });

  test('that is recorded as the replay ends decides: it is cancelled', async () => {
    const service = await (await ReplayWorld.make()).start();
    await service.submit('a');
    const run = await service.run('a');
    await service.store.replays.cancel('a', 'olga');
    run.end();
    await service.reached('a', 'cancelled');
  });
});

describe('after the service stopped', () => {
  test('replays that waited or ran go on, each to one end (contract 5.25)', async () => {
    const world = await ReplayWorld.make();
    const first = await world.start();
    await first.submit('a', { until: 'now' });
    await first.submit('b');
    await first.run('a');
    await first.stop();
    expect([...world.folder.files]).toEqual(['a.duckdb']);

    const next = await world.start();
    expect((await next.jobs.find('b')).record.state).toBe('accepted');
    for (const id of ['a', 'b']) {
      (await next.run(id)).end();
      await next.reached(id, 'completed');
      const ends = (await next.statuses(id)).filter(({ status }) => status === 'completed');
      expect(ends).toHaveLength(1);
    }
  });

  test('one that was cancelled before ends as cancelled, and what is left of dropped databases is removed', async () => {
    const world = await ReplayWorld.make();
    const first = await world.start();
    await first.submit('a');
    await first.run('a');
    await first.stop();
    world.folder.files.add('not-ours.duckdb');
    const between = await world.start({ atOnce: 1 });
    await between.store.replays.cancel('a', 'olga');
    await between.stop();
    const next = await world.start();
    expect((await next.jobs.find('a')).record).toMatchObject({ state: 'cancelled', cancelledBy: 'olga' });
    expect([...world.folder.files]).toEqual(['not-ours.duckdb']);
    await next.stop();
    world.folder.files.add('a.duckdb');
    await world.start();
    expect([...world.folder.files]).toEqual(['not-ours.duckdb']);
  });
});
