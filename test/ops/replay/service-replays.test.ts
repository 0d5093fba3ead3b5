import { describe, expect, test } from 'vitest';
import { ReplayingPlace, timeAt } from '../../support/replaying-service.ts';

describe('a replay of the service', () => {
  test('is accepted, runs beside the live database, completes, and exports from it have the bytes of live ones', async () => {
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

    const window = `time_from=${timeAt(0)}&time_to=${timeAt(100)}`;
    const live = await service.export('live', `${window}&file_prefix=live_`);
    const again = await service.export('again', `${window}&file_prefix=again_&from_replay=march`);
    const hashes = (report: typeof live) => report.files.map(({ rows, sha256 }) => [rows, sha256]);
    expect(hashes(again)).toEqual(hashes(live));
    expect(again.files.at(-1)?.rows).toBe(100);
    expect(again.manifest).toMatchObject({
      request: { from_replay: 'march' },
      status: 'complete',
      rows_from: { kind: 'replay', from: 'beginning', until: timeAt(200), finished: true },
    });
    expect(await service.process.stop()).toMatchObject({ code: 0 });
  });
});
