import { beforeEach, describe, expect, test } from 'vitest';
import type { ExportRecord } from '../../../pipeline/export/request.ts';
import { type HeldReplays, ReplayWorld } from '../../support/held-replays.ts';

const hourMs = 3_600_000;
let world: ReplayWorld;
let service: HeldReplays;

beforeEach(async () => {
  world = await ReplayWorld.make();
  service = await world.start();
  await service.submit('march');
  (await service.run('march')).end();
  await service.reached('march', 'completed');
});

/** Records an export that reads from a replay and has not ended. */
async function readingExport(requestId: string, fromReplay: string): Promise<void> {
  const parameters = { fromReplay, format: 'csv' } as ExportRecord['plan']['parameters'];
  const ended = { endedAt: null, manifest: null, error: null, cancelledBy: null, snapshotBatch: null };
  await service.store.insert({
    ...{ requestId, state: 'accepted', asker: { door: 'http', client: 'x' }, acceptedAt: world.now, given: {} },
    plan: {
      ...{ parameters, timeTo: 0, stamp: 0, names: [], look: null },
      destination: { folder: '/', stem: '', spelled: '' },
    },
    ...{ ...ended, changedSince: null },
  });
}

describe('the databases of replays', () => {
  test('are shared by exports that read at the same time, and closed with the last one (contract 5.28)', async () => {
    const [one, other] = await Promise.all([service.databases.open('march'), service.databases.open('march')]);
    expect(world.folder.opened.get('march.duckdb')).toBe(1);
    expect(one!.snapshots).toBe(other!.snapshots);
    await one!.close();
    expect(world.folder.opened.get('march.duckdb')).toBe(1);
    await other!.close();
    expect(world.folder.opened.get('march.duckdb')).toBe(0);
    await (await service.databases.open('march')).close();
    expect(world.folder.opened.get('march.duckdb')).toBe(0);
  });

  test('are read only when they are whole (contract 5.28)', async () => {
    await service.submit('april');
    const refused = (id: string) =>
      service.databases.check(id).then(
        () => null,
        ({ code, message }) => [code, message],
      );
    expect(await refused('march')).toBeNull();
    expect(await refused('may')).toEqual(['REQUEST_UNKNOWN', 'there is no replay with request id "may"']);
    await service.run('april');
    expect(await refused('april')).toEqual([
      'REQUEST_UNFINISHED',
      'the replay "april" is running; its database can be used when it is completed',
    ]);
    await service.jobs.cancel('april', 'olga');
    expect(await refused('april')).toEqual([
      'REQUEST_ENDED',
      'from_replay is "april", a replay that is cancelled; allowed is the id of a completed one',
    ]);
    await service.databases.drop('march');
    const gone = 'the database march.duckdb of replay "march" was dropped; ask for the replay again, with a new id';
    expect(await refused('march')).toEqual(['FILE_GONE', gone]);
    await expect(service.databases.open('march')).rejects.toMatchObject({ code: 'FILE_GONE' });
  });

  test('that somebody removed by hand are gone, and nothing is made in their place', async () => {
    world.folder.files.clear();
    await expect(service.databases.open('march')).rejects.toMatchObject({ code: 'FILE_GONE' });
    expect([...world.folder.files]).toEqual([]);
  });

  test('are dropped some time after their last use, and stay listed (contract 5.29)', async () => {
    world.now += hourMs - 1;
    expect(await service.databases.dropUnused()).toEqual([]);
    await (await service.databases.open('march')).close();
    world.now += hourMs - 1;
    expect(await service.databases.dropUnused()).toEqual([]);
    world.now += 1;
    expect(await service.databases.dropUnused()).toEqual(['march']);
    expect([...world.folder.files]).toEqual([]);
    expect((await service.jobs.find('march')).record).toMatchObject({ state: 'completed', droppedAt: world.now });
    expect(await service.databases.dropUnused()).toEqual([]);
    expect((await service.statuses('march')).filter(({ status }) => status === 'completed')).toHaveLength(1);
  });

  test('stay while an export that has not ended reads from them (contract 5.29)', async () => {
    await readingExport('out', 'march');
    world.now += 2 * hourMs;
    expect(await service.databases.dropUnused()).toEqual([]);
    await expect(service.databases.drop('march')).rejects.toMatchObject({
      code: 'REQUEST_UNFINISHED',
      message: expect.stringMatching(/^export out, which has not ended, reads from replay march/),
    });
    await service.store.update('out', { state: 'failed', error: { code: 'EXPORT_FAILED', message: 'x' } });
    await service.databases.drop('march');
    await service.databases.drop('march');
    expect([...world.folder.files]).toEqual([]);
  });

  test('of replays that have not ended cannot be dropped', async () => {
    await service.submit('april');
    await expect(service.databases.drop('april')).rejects.toMatchObject({ code: 'REQUEST_UNFINISHED' });
    await expect(service.databases.drop('may')).rejects.toMatchObject({ code: 'REQUEST_UNKNOWN' });
  });
});

describe('the ids of exports and replays (contract 5.25)', () => {
  test('are one namespace', async () => {
    await expect(readingExport('march', 'x')).rejects.toMatchObject({
      ...{ code: 'REQUEST_CONFLICT', message: 'request id "march" is that of a replay; use a new id for the export' },
    });
    await readingExport('out', 'march');
    await expect(service.submit('out')).rejects.toMatchObject({
      ...{ code: 'REQUEST_CONFLICT', message: 'request id "out" is that of an export; use a new id for the replay' },
    });
  });

  test('of replays that ended long ago and were dropped are forgotten', async () => {
    await service.store.replays.forgetEndedBefore(world.now + hourMs);
    expect(await service.store.replays.find('march')).not.toBeNull();
    await service.databases.drop('march');
    await service.store.replays.forgetEndedBefore(world.now);
    expect(await service.store.replays.find('march')).not.toBeNull();
    await service.store.replays.forgetEndedBefore(world.now + 1);
    expect(await service.store.replays.find('march')).toBeNull();
  });
});
