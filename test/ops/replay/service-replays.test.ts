import { rm } from 'node:fs/promises';
import { kill } from 'node:process';
import { describe, expect, test } from 'vitest';
import { segmentFiles } from '../../support/log-files.ts';
import { ReplayingPlace, timeAt } from '../../support/replaying-service.ts';
import { tidemark, tidemarkDone } from '../../support/tidemark.ts';

const refusalOf = async (answer: Response) => {
  const { exception, message } = (await answer.json()) as { readonly exception: string; readonly message: string };
  return { status: answer.status, exception, message };
};

describe('a replay of the service', () => {
  test('runs beside the live database, and exports from it have the bytes of live ones (contract 5.28)', async () => {
    const place = await ReplayingPlace.make(300);
    const service = place.start();
    await service.stored(300);
    const accepted = await service.replay('march', `until=${timeAt(200)}`);
    expect(accepted).toMatchObject({ request_id: 'march', door: 'http', until: timeAt(200), database: null });
    const completed = await service.reached('march', 'completed', 'failed');
    expect(completed).toMatchObject({
      state: 'completed',
      error: null,
      progress: { phase: 'ended', records_read: 200, records: 200, applied: 200, quarantined: 0 },
    });
    expect(await place.databases()).toEqual([completed.database]);
    const asked = service.process.lines.find(({ route }) => route === '/replays');
    expect(asked).toMatchObject({ replay: 'march' });
    expect(asked).not.toHaveProperty('export');

    const window = `time_from=${timeAt(0)}&time_to=${timeAt(100)}`;
    const live = await service.export('live', `${window}&file_prefix=live_`);
    const [again, same] = await Promise.all(
      ['again', 'same'].map(id => service.export(id, `${window}&file_prefix=${id}_&from_replay=march&wait=complete`)),
    );
    const hashes = (report: typeof live) => report.files.map(({ rows, sha256 }) => [rows, sha256]);
    expect(hashes(again!)).toEqual(hashes(live));
    expect(hashes(same!)).toEqual(hashes(live));
    expect(again!.files.at(-1)?.rows).toBe(100);
    expect(again!.manifest).toMatchObject({
      request: { from_replay: 'march' },
      status: 'complete',
      rows_from: { kind: 'replay', from: 'beginning', until: timeAt(200), finished: true },
    });
    // Closed again: nothing but the file is there.
    expect(await place.databases()).toEqual([completed.database]);
    expect((await service.report('march')).used_at! > completed.used_at!).toBe(true);

    // An event that comes late contradicts the live export, and not the one that read from the replay.
    await place.append(1, { time: timeAt(50) });
    await service.stored(301);
    const changed = await Promise.all(['live', 'again'].map(id => service.exported(id)));
    expect(changed.map(({ changed_since: since }) => since?.offset ?? null)).toEqual([300, null]);
    expect(await service.process.stop()).toMatchObject({ code: 0 });

    // A command without the service reads from it, too. The service that starts later does not take it for contradicted.
    const at = ['--db', place.db, '--export-root', place.root];
    const here = [
      '--time-from',
      timeAt(0),
      '--time-to',
      timeAt(100),
      '--file-prefix',
      'here_',
      '--from-replay',
      'march',
    ];
    const { files } = JSON.parse(await tidemarkDone(['export', ...at, ...here, '--json'])) as typeof live;
    expect(files.map(({ rows, sha256 }) => [rows, sha256])).toEqual(hashes(live));
    await place.append(1, { time: timeAt(51) });
    const next = place.start();
    await next.stored(302);
    expect((await next.exported('again')).changed_since).toBeNull();
    expect((await next.exported('live')).changed_since?.services).toBe(2);
    await next.process.stop();
    expect(JSON.parse(await tidemarkDone(['replays', 'march', '--drop', '--db', place.db, '--json']))).toMatchObject({
      ...{ state: 'completed', database: null, dropped_at: expect.any(String) },
    });
    expect(await place.databases()).toEqual([]);
  });

  test('is dropped by DELETE and stays listed; exports from it are refused then (contract 5.29)', async () => {
    const place = await ReplayingPlace.make(20);
    const service = place.start();
    await service.stored(20);
    await service.replay('march');
    await service.reached('march', 'completed');
    expect(await refusalOf(await service.ask('DELETE', '/replays/march?only_cancel=true'))).toEqual({
      ...{ status: 409, exception: 'REQUEST_ENDED' },
      message: 'replay march cannot be cancelled: it is completed',
    });
    const dropped = (await (await service.ask('DELETE', '/replays/march')).json()) as { dropped_at: string };
    expect(dropped).toMatchObject({ state: 'completed', database: null, dropped_at: expect.any(String) });
    expect(await place.databases()).toEqual([]);
    expect(await (await service.ask('GET', '/replays?state=completed')).json()).toEqual([dropped]);
    expect(await (await service.ask('DELETE', '/replays/march')).json()).toEqual(dropped);
    const window = `time_from=${timeAt(0)}&file_prefix=x_`;
    const refused = await service.askForExport(`${window}&from_replay=march`);
    expect(await refusalOf(refused)).toMatchObject({ status: 410, exception: 'FILE_GONE' });
    const unknown = await service.askForExport(`${window}&from_replay=april`);
    expect(await refusalOf(unknown)).toEqual({
      ...{ status: 404, exception: 'REQUEST_UNKNOWN' },
      message: 'there is no replay with request id "april"',
    });
    await service.process.stop();
    expect(JSON.parse(await tidemarkDone(['replays', 'march', '--db', place.db, '--json']))).toEqual(dropped);
  });

  test('is refused with all its faults and what is allowed, and nothing is recorded (contract 5.25, 5.27)', async () => {
    const place = await ReplayingPlace.make(20);
    const service = place.start();
    await service.stored(20);
    const asked = await service.ask(
      'POST',
      '/replays?until=manifest:/etc/passwd&from=March&paths=/&allow_gaps=1',
      'one',
    );
    const allowed =
      'allowed is beginning, now, a time with a zone such as 2026-01-31T00:00:00Z, topic/partition=offset,…';
    expect(await refusalOf(asked)).toEqual({
      ...{ status: 400, exception: 'REQUEST_INVALID' },
      message: [
        'paths is not a parameter; allowed are from, until, allow_gaps',
        `from is "March"; ${allowed}`,
        `until is "manifest:/etc/passwd"; ${allowed}`,
        'allow_gaps is "1"; allowed is true, false',
      ].join('; '),
    });
    expect((await service.ask('GET', '/replays/one')).status).toBe(404);
    const backwards = await service.ask('POST', `/replays?from=${timeAt(9)}&until=${timeAt(8)}`);
    expect((await refusalOf(backwards)).message).toBe(`until ${timeAt(8)} must be later than from ${timeAt(9)}`);

    await service.replay('two', 'until=other/0=5');
    const failed = await service.reached('two', 'completed', 'failed');
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'REQUEST_INVALID' }, database: null });
    expect(failed.error?.message).toMatch(/^no log that was given holds other\/0; they hold calls@[0-9a-f]{12}\/0$/);
    expect(await place.databases()).toEqual([]);
    await service.process.stop();
  });

  test('of a log that no longer holds what was asked for fails and says so, and goes on where gaps are allowed (contract 5.26)', async () => {
    const place = await ReplayingPlace.make(0);
    const folder = await place.append(10, { segmentBytes: 1 });
    await place.append(10, { segmentBytes: 1 });
    const service = place.start();
    await service.stored(20);
    const [oldest] = await segmentFiles(folder);
    await rm(oldest!);
    await service.replay('march');
    const failed = await service.reached('march', 'completed', 'failed');
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'RECORDS_LOST' } });
    expect(failed.error?.message).toMatch(
      /^calls@[0-9a-f]{12}\/0: the log no longer holds the offsets from 0 on and below 10\. allow_gaps=true goes on without them/,
    );
    await service.replay('with-a-gap', 'allow_gaps=true');
    await service.reached('with-a-gap', 'completed');
    const window = `time_from=${timeAt(0)}&time_to=${timeAt(20)}&file_prefix=x_`;
    const exported = await service.export('x', `${window}&from_replay=with-a-gap`);
    expect(exported).toMatchObject({
      completeness: 'provisional',
      manifest: { partitions: [{ gaps: [{ from: 0, to: 10 }] }] },
    });
    expect(exported.files.at(-1)?.rows).toBe(10);
    await service.process.stop();
  });

  test('is cancelled while it runs and while it waits; one runs at once; ids are those of exports too (contract 5.26, 5.27)', async () => {
    const place = await ReplayingPlace.make(8_000);
    const service = place.start('--batch-records', '20');
    await service.stored(8_000);
    await service.replay('march');
    // A frozen process does not come to its end meanwhile, and is killed when it is to stop.
    kill(await service.reading('march'), 'SIGSTOP');
    await service.replay('april');
    expect(await service.report('april')).toMatchObject({ state: 'accepted' });
    expect(await (await service.ask('GET', '/metrics')).text()).toMatch(
      /^tidemark_replays_waiting 1\n[\s\S]*^tidemark_replays_running 1$/m,
    );
    const window = `time_from=${timeAt(0)}&file_prefix=x_`;
    expect(await refusalOf(await service.askForExport(`${window}&from_replay=march`))).toEqual({
      ...{ status: 409, exception: 'REQUEST_UNFINISHED' },
      message: 'the replay "march" is running; its database can be used when it is completed',
    });
    await service.export('live', `${window}&time_to=${timeAt(1)}`);
    expect(await refusalOf(await service.ask('POST', '/replays', 'live'))).toMatchObject({
      exception: 'REQUEST_CONFLICT',
    });
    expect(await refusalOf(await service.askForExport(window, 'march'))).toMatchObject({
      exception: 'REQUEST_CONFLICT',
    });
    expect(await refusalOf(await service.ask('POST', '/replays?until=now', 'march'))).toMatchObject({ status: 409 });

    const cancelled = { state: 'cancelled', error: { code: 'CANCELLED' }, database: null };
    expect(await (await service.ask('DELETE', '/replays/april')).json()).toMatchObject(cancelled);
    expect(await tidemarkDone(['cancel', 'march', '--db', place.db])).toBe(
      'replay march is cancelled; its database is removed\n',
    );
    expect(await service.report('march')).toMatchObject(cancelled);
    expect(await place.databases()).toEqual([]);
    expect(await service.children()).toEqual([]);
    expect(await tidemark(['cancel', 'march', '--db', place.db])).toMatchObject({ code: 65 });
    expect(await tidemarkDone(['replays', '--db', place.db])).toMatch(/april.*cancelled[\s\S]*march.*cancelled/);
    await service.process.stop();
  });
});
