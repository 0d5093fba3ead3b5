import { describe, expect, test } from 'vitest';
import { memoryWorld, settled } from '../../support/memory-service.ts';
import { opened } from '../../support/opened-jobs.ts';

describe('a request', () => {
  test('is recorded, runs, and has ended with its files', async () => {
    const seen: string[] = [];
    const { jobs, snapshots, submit, directory } = await opened({ onChange: ({ record }) => seen.push(record.state) });
    const { record, progress } = await submit('one');
    expect(record.state).toBe('running');
    expect(progress.phase).not.toBe('ended');
    await settled();
    expect(await jobs.find('one')).toMatchObject({ record: { state: 'running' }, progress: { phase: 'writing' } });
    snapshots.open();
    expect(await jobs.ended('one')).toMatchObject({ state: 'completed' });
    expect([...directory.files.keys()]).toEqual(['/exports/day/x_20260302_101112_345_services.ndjson']);
    expect(seen).toEqual(['accepted', 'running', 'completed']);
    expect(await jobs.find('one')).toMatchObject({ progress: { phase: 'ended', rows: 2, bytes: 13 } });
  });

  test('that is known returns its record, and is not run again', async () => {
    const { jobs, snapshots, submit, store } = await opened();
    snapshots.open();
    await submit('one');
    await jobs.ended('one');
    const said = store.statuses.length;
    expect((await submit('one')).record.state).toBe('completed');
    await settled();
    expect(store.statuses).toHaveLength(said);
  });

  test('with other parameters is a conflict', async () => {
    const { submit } = await opened();
    await submit('one');
    await expect(submit('one', 'anna', { header: 'true' })).rejects.toMatchObject({ code: 'REQUEST_CONFLICT' });
  });

  test('that nobody made is unknown', async () => {
    const { jobs } = await opened();
    await expect(jobs.find('one')).rejects.toMatchObject({ code: 'REQUEST_UNKNOWN' });
    await expect(jobs.ended('one')).rejects.toMatchObject({ code: 'REQUEST_UNKNOWN' });
    await expect(jobs.cancel('one', 'anna')).rejects.toMatchObject({ code: 'REQUEST_UNKNOWN' });
  });

  test('that fails says why, and leaves no file', async () => {
    const { jobs, snapshots, submit, directory } = await opened();
    await submit('one');
    await settled();
    snapshots.fail();
    expect(await jobs.ended('one')).toMatchObject({ state: 'failed', error: { code: 'EXPORT_FAILED' } });
    expect([directory.files.size, directory.hidden.size]).toEqual([0, 0]);
  });
});

describe('the queue (contract 5.6)', () => {
  test('two run at once, one waits, and a fourth is refused', async () => {
    const { jobs, submit, snapshots } = await opened({ atOnce: 2, maxQueued: 1 });
    for (const id of ['one', 'two', 'three']) await submit(id);
    await settled();
    expect([jobs.running, jobs.waiting, snapshots.held]).toEqual([2, 1, 2]);
    await expect(submit('four')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect((await submit('three')).record.state, 'a known one needs no room').toBe('accepted');
    snapshots.go();
    await settled();
    await submit('four');
    expect([jobs.running, jobs.waiting]).toEqual([2, 1]);
  });

  test('clients take turns, and each client’s requests keep their order', async () => {
    const order: string[] = [];
    const { submit, snapshots } = await opened({
      onChange: ({ record: { state, requestId } }) => {
        if (state === 'running') order.push(requestId);
      },
    });
    for (const id of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) await submit(id, id.charAt(0));
    for (let at = 0; at < 6; at += 1) {
      await settled();
      snapshots.go();
    }
    await settled();
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2']);
  });

  test('room() resolves when the queue has room, and when the service stops', async () => {
    const { jobs, submit, snapshots, service } = await opened({ maxQueued: 0 });
    await jobs.room();
    await submit('one');
    let told = 0;
    void jobs.room().then(() => (told += 1));
    await settled();
    expect(told).toBe(0);
    snapshots.go();
    await settled();
    expect(told).toBe(1);
    await submit('two');
    void jobs.room().then(() => (told += 1));
    await service.stop();
    await settled();
    expect(told).toBe(2);
  });

  test('there is room as soon as a queued request is cancelled, while others still run', async () => {
    const { jobs, submit } = await opened({ maxQueued: 1 });
    await submit('one');
    await submit('two');
    let hasRoom = false;
    void jobs.room().then(() => {
      hasRoom = true;
    });
    await settled();
    expect(hasRoom).toBe(false);
    await jobs.cancel('two', 'ben');
    await settled();
    expect(hasRoom, 'a record of the control topic that waits for room waits until an export ends').toBe(true);
    expect(jobs.running).toBe(1);
  });
});

describe('a cancellation (contract 5.5)', () => {
  test.each([
    ['queued', 'two'],
    ['running', 'one'],
  ])('of a %s request ends it without a file', async (_, id) => {
    const { jobs, submit, directory, snapshots } = await opened();
    expect((await submit('one')).record.state).toBe('running');
    expect((await submit('two')).record.state).toBe('accepted');
    await settled();
    expect(await jobs.cancel(id, 'ben')).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    snapshots.open();
    await jobs.ended('one');
    await jobs.ended('two');
    expect([directory.files.size, directory.hidden.size]).toEqual([1, 0]);
    await expect(jobs.cancel(id, 'ben')).rejects.toMatchObject({ code: 'REQUEST_ENDED' });
  });

  test('that is recorded wins over a run that has written all bytes', async () => {
    const { jobs, submit, directory, snapshots, store } = await opened();
    await submit('one');
    await settled();
    await store.cancel('one', 'ben');
    snapshots.open();
    expect(await jobs.ended('one')).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect([directory.files.size, directory.hidden.size]).toEqual([0, 0]);
  });

  test('is too late when the files only lack their names', async () => {
    const world = memoryWorld();
    const publish = world.directory.publish.bind(world.directory);
    let go = (): void => undefined;
    world.directory.publish = async (...args) => {
      await new Promise<void>(resolve => {
        go = resolve;
      });
      await publish(...args);
    };
    const { jobs, submit, snapshots } = await opened({}, world);
    snapshots.open();
    await submit('one');
    await settled();
    await expect(jobs.cancel('one', 'ben')).rejects.toMatchObject({ code: 'REQUEST_ENDED' });
    go();
    expect((await jobs.ended('one')).state).toBe('completed');
  });
});

describe('stopping', () => {
  test('leaves running and waiting requests to the next start, which ends them', async () => {
    const world = memoryWorld();
    const first = await opened({}, world);
    await first.submit('one');
    await first.submit('two');
    await settled();
    const ended = first.jobs.ended('one');
    ended.catch(() => undefined);
    await first.service.stop();
    await expect(ended).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(first.submit('three')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    expect(world.directory.hidden.size).toBe(0);

    const second = await opened({}, world);
    second.snapshots.open();
    expect((await second.jobs.ended('one')).state).toBe('completed');
    expect((await second.jobs.ended('two')).state).toBe('completed');
    const stamps = [...world.store.records.values()].map(({ plan }) => plan.stamp - plan.timeTo);
    expect(stamps, 'with the names they were promised').toEqual([0, 1]);
  });

  test('while a request is being accepted does not lose it, and does not wait for it', async () => {
    const world = memoryWorld();
    const insert = world.store.insert.bind(world.store);
    const first = await opened({}, world);
    world.store.insert = async (...args) => {
      await insert(...args);
      void first.service.stop();
    };
    expect((await first.submit('one')).record.state).toBe('running');
    await first.service.stop();
    const second = await opened({}, world);
    second.snapshots.open();
    expect((await second.jobs.ended('one')).state).toBe('completed');
  });

  test('a recorded cancellation is carried out by the next start', async () => {
    const world = memoryWorld();
    const first = await opened({}, world);
    await first.submit('one');
    await settled();
    await first.service.stop();
    await world.store.cancel('one', 'ben');
    const second = await opened({}, world);
    second.snapshots.open();
    expect(await second.jobs.ended('one')).toMatchObject({ state: 'cancelled' });
    expect(world.directory.files.size).toBe(0);
  });
});
