import { beforeEach, describe, expect, test } from 'vitest';
import { withoutLog } from '../../../pipeline/export/log-wait.ts';
import { type Acceptance, acceptExport } from '../../../pipeline/requests/accept.ts';
import { acceptAs } from '../../support/accepting.ts';
import { MemoryExportDirectory } from '../../support/memory-export-directory.ts';
import { MemoryRequestStore } from '../../support/memory-requests.ts';
import { noReplays } from '../../support/no-replays.ts';

const now = Date.parse('2026-03-02T10:11:12.345Z');
const given = { file_prefix: 'day/x_', time_from: '2026-03-01T00:00:00Z' };
let store: MemoryRequestStore;
let directory: MemoryExportDirectory;
let acceptance: Acceptance;
beforeEach(() => {
  store = new MemoryRequestStore();
  directory = new MemoryExportDirectory();
  acceptance = { store, directory, clock: { now: () => now }, ...withoutLog, replays: noReplays };
});

const accept = (id: string, more: Record<string, string> = {}) => acceptAs({ ...given, ...more }, id, acceptance);

describe('acceptance', () => {
  test('names, stamp and window are fixed and recorded (contract 3.2)', async () => {
    const record = await accept('one');
    expect(record).toMatchObject({ state: 'accepted', acceptedAt: now, given });
    expect(record.plan).toMatchObject({ timeTo: now, stamp: now, destination: { folder: '/exports/day', stem: 'x_' } });
    expect(await store.find('one')).toEqual(record);
  });

  // contract 4.2, 4.4
  test.each([
    ['csv', {}, ['tasks.csv', 'states.csv', 'services.csv']],
    ['csv with a manifest', { manifest: 'true' }, ['tasks.csv', 'states.csv', 'manifest.json', 'services.csv']],
    ['zip', { compression: 'zip' }, ['tasks.csv.zip', 'states.csv.zip', 'services.csv.zip']],
    ['json', { format: 'json' }, ['services.json']],
    ['ndjson.gz', { format: 'ndjson', compression: 'gzip' }, ['services.ndjson.gz']],
    ['json with a manifest', { format: 'json', manifest: 'true' }, ['manifest.json', 'services.json']],
  ])('%s: services is named last', async (_, more, endings) => {
    const { plan } = await accept('one', more);
    expect(plan.names).toEqual(endings.map(ending => `x_20260302_101112_345_${ending}`));
  });
});

describe('the next free millisecond (contract 4.3)', () => {
  const put = (name: string) => directory.files.set(`/exports/day/${name}`, new Uint8Array());

  test('when one of the names exists', async () => {
    put('x_20260302_101112_345_states.csv');
    expect((await accept('one')).plan.stamp).toBe(now + 1);
  });

  test('when one of the names exists, more than once', async () => {
    for (const millisecond of [345, 346, 348]) put(`x_20260302_101112_${millisecond}_tasks.csv`);
    expect((await accept('one')).plan.stamp).toBe(now + 2);
  });

  test('but the window still ends at the acceptance', async () => {
    put('x_20260302_101112_345_tasks.csv');
    expect((await accept('one')).plan.timeTo).toBe(now);
  });

  test('when a name is reserved for a request that has not ended', async () => {
    const records = [await accept('one'), await accept('two'), await accept('three')];
    expect(records.map(({ plan }) => plan.stamp - now)).toEqual([0, 1, 2]);
  });

  test('but not when that request failed without a file', async () => {
    const { plan } = await accept('one');
    await store.update('one', { state: 'failed' });
    await directory.release(plan.destination, 'one', plan.stamp);
    expect((await accept('two')).plan.stamp).toBe(now);
  });

  test('of eight requests at once each gets names of its own', async () => {
    const records = await Promise.all(Array.from({ length: 8 }, (_, index) => accept(`request-${index}`)));
    expect(records.map(({ plan }) => plan.stamp - now).toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test.each([
    ['another folder', { file_prefix: 'night/x_' }],
    ['another stem', { file_prefix: 'day/y_' }],
  ])('%s needs no other millisecond', async (_, more) => {
    await accept('one');
    expect((await accept('two', more)).plan.stamp).toBe(now);
  });

  // Their manifests would have the same name, and a reservation holds for all names of a stem and a millisecond.
  test.each([
    ['another format', { format: 'json' }],
    ['another compression', { compression: 'gzip' }],
  ])('%s does', async (_, more) => {
    await accept('one');
    expect((await accept('two', more)).plan.stamp).toBe(now + 1);
  });

  test('when another service with the same export root has reserved it', async () => {
    const other = { ...acceptance, store: new MemoryRequestStore() };
    await accept('one');
    expect((await acceptAs(given, 'two', other)).plan.stamp, 'both services have the same names').toBe(now + 1);
  });

  test('a request that is not recorded leaves nothing reserved', async () => {
    store.insert = () => Promise.reject(new Error('the database refuses'));
    await expect(accept('one')).rejects.toThrow('the database refuses');
    expect([...directory.reserved]).toEqual([]);
  });

  test('the same folder in another spelling does', async () => {
    await accept('one');
    expect((await accept('two', { file_prefix: '/exports/./day//x_' })).plan.stamp).toBe(now + 1);
  });
});

describe('a request id (contract 5.2)', () => {
  test('with the same parameters in any order returns the recorded request, whatever its state', async () => {
    const first = await accept('one', { header: 'true' });
    await store.update('one', { state: 'completed' });
    const later = { ...acceptance, clock: { now: () => now + 60_000 } };
    const again = await acceptAs({ header: 'true', ...given }, 'one', later);
    expect(again).toEqual({ ...first, state: 'completed', endedAt: now });
    expect(store.records.size).toBe(1);
  });

  test.each([
    ['one more', { ...given, header: 'false' }],
    ['one less', { file_prefix: 'day/x_' }],
    ['another value', { ...given, file_prefix: 'day/y_' }],
    ['the same instant in another spelling', { ...given, time_from: '2026-03-01T00:00:00.000Z' }],
    ['faults', { ...given, format: 'xml' }],
  ])('with %s, as given and before defaults, is a conflict', async (_, other) => {
    await accept('one');
    const conflict = { code: 'REQUEST_CONFLICT', message: expect.stringContaining('"one"') };
    await expect(acceptAs(other, 'one', acceptance)).rejects.toMatchObject(conflict);
  });
});

test('a request with faults is refused also when its id and parameters are known, so that the client learns of them', async () => {
  await accept('one');
  const faults = [{ parameter: 'body', message: 'the body is not empty' }];
  const again = { requestId: 'one', given, asker: { door: 'http', client: 'test' }, faults } as const;
  const accepted = acceptExport(again, acceptance);
  await expect(accepted, 'the fault was ignored').rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    message: 'the body is not empty',
  });
});

describe('a refused request is not recorded (contract 5.9)', () => {
  test.each([
    ['a bad parameter', { format: 'xml' }, 'REQUEST_INVALID', ['format']],
    ['a bad prefix', { file_prefix: '../x' }, 'PREFIX_REFUSED', ['file_prefix']],
    ['NUL in the prefix', { file_prefix: 'a\0b' }, 'PREFIX_REFUSED', ['file_prefix']],
    ['both', { file_prefix: 'C:/x', format: 'xml' }, 'REQUEST_INVALID', ['file_prefix', 'format']],
    ['an empty window', { time_from: '2026-03-02T10:11:12.345Z' }, 'REQUEST_INVALID', ['time_to']],
    [
      'both and the window',
      { file_prefix: '..', time_from: '2027-01-01T00:00:00Z' },
      'REQUEST_INVALID',
      ['file_prefix', 'time_to'],
    ],
  ])('%s', async (_, more, code, named) => {
    const failure = await accept('one', more).catch(error => error);
    expect(failure).toMatchObject({ code });
    for (const parameter of named) expect(failure.message).toContain(parameter);
    expect(store.records.size).toBe(0);
  });
});
