import { kill } from 'node:process';
import { expect, test } from 'vitest';
import { processEnd, ReplayingPlace, timeAt } from '../support/replaying-service.ts';
import { readTables } from '../support/tables.ts';

const events = 8_000;
/** Many small transactions, so that there is a middle. */
const slowly = ['--batch-records', '20'];

/** A place whose events are all in the live database. */
async function storedPlace(): Promise<ReplayingPlace> {
  const place = await ReplayingPlace.make(events);
  const first = place.start();
  await first.stored(events);
  await first.process.stop();
  return place;
}

test('a replay whose service is killed goes on at the next start, from what is stored, and ends once (contract 5.25)', async () => {
  const place = await storedPlace();
  const killed = place.start(...slowly);
  await killed.replay('march');
  const child = await killed.reading('march');
  await killed.process.kill();
  await processEnd(child);

  const next = place.start(...slowly);
  const completed = await next.reached('march', 'completed', 'failed', 'cancelled');
  expect(completed).toMatchObject({ state: 'completed', error: null });
  expect(completed.progress).toMatchObject({ records_read: events, records: events, applied: events, quarantined: 0 });
  expect(await next.replay('march', '', 200)).toEqual(completed);
  expect(await next.process.stop()).toMatchObject({ code: 0 });
  expect([killed, next].map(service => service.logged('replay completed'))).toEqual([0, 1]);
  const last = place.start();
  expect(await last.report('march')).toEqual(completed);
  await last.process.stop();
  expect(await readTables(`${place.db}.replays/${completed.database}`)).toEqual(await readTables(place.db));
});

test('a service that is stopped stops its replay between two transactions, and goes on with it at the next start (contract 5.26)', async () => {
  const place = await storedPlace();
  const stopped = place.start(...slowly);
  await stopped.replay('march');
  await stopped.replay('april', `until=${timeAt(10)}`);
  const child = await stopped.reading('march');
  expect(await stopped.report('april')).toMatchObject({ state: 'accepted', progress: { phase: 'queued' } });
  const { bytes } = (await stopped.report('march')).progress;
  expect(await stopped.process.stop()).toMatchObject({ code: 0, stderr: '' });
  await processEnd(child);

  const next = place.start();
  const ended = await Promise.all(['march', 'april'].map(id => next.reached(id, 'completed', 'failed')));
  expect(ended.map(({ state, progress }) => [state, progress.records_read])).toEqual([
    ['completed', events],
    ['completed', 10],
  ]);
  await next.replay('whole');
  const whole = await next.reached('whole', 'completed');
  expect(bytes).toBeGreaterThan(0);
  expect(ended[0]?.progress.bytes).toBe(whole.progress.bytes);
  await next.process.stop();
});

test('the process of a replay that is killed fails the replay alone; the service goes on (contract 5.26)', async () => {
  const place = await storedPlace();
  const service = place.start(...slowly);
  await service.replay('march');
  const child = await service.reading('march');
  // Only the service stops it, not a signal that may be meant for the service.
  for (const signal of ['SIGINT', 'SIGTERM']) kill(child, signal);
  const { progress } = await service.report('march');
  await service.readBeyond('march', progress.records_read);
  kill(child, 'SIGKILL');
  const failed = await service.reached('march', 'completed', 'failed');
  expect(failed).toMatchObject({ state: 'failed', database: null, error: { code: 'REPLAY_FAILED' } });
  expect(failed.error?.message).toBe('the process that read the log for replay march was killed by SIGKILL');
  expect(await place.databases()).toEqual([]);
  await service.replay('again', `until=${timeAt(10)}`);
  await service.reached('again', 'completed');
  expect(await service.process.stop()).toMatchObject({ code: 0 });
});
