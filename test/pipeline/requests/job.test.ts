import { beforeEach, expect, test } from 'vitest';
import type { ExportRecord } from '../../../pipeline/export/request.ts';
import { Job, recordedView } from '../../../pipeline/requests/job.ts';

let now: number;
let job: Job;
beforeEach(() => {
  now = 1_000_000;
  // A job looks at nothing but the id.
  job = new Job({ requestId: 'one' } as ExportRecord, { now: () => now });
});

test('a job is queued, waits for the log, writes and has ended', async () => {
  expect(job.progress()).toMatchObject({ phase: 'queued', waitedMs: 0 });
  now += 5_000;
  job.start();
  expect([job.progress().phase, job.milliseconds]).toEqual(['waiting for the log', 0]);
  now += 300;
  job.write();
  now += 700;
  expect(job.progress()).toMatchObject({ phase: 'writing', waitedMs: 300 });
  job.finish(null);
  await job.done;
  expect([job.progress().phase, job.milliseconds]).toEqual(['ended', 1_000]);
});

test('rows and bytes add up over files, and the rate is the average since the start', () => {
  job.start();
  job.write();
  now += 2_000;
  job.advance({ kind: 'tasks', bytes: 3_000, rows: 0 });
  job.advance({ kind: 'tasks', bytes: 0, rows: 10 });
  job.advance({ kind: 'states', bytes: 1_000, rows: 0 });
  expect(job.progress()).toMatchObject({ file: 'states', rows: 10, bytes: 4_000, bytesPerSecond: 2_000 });
});

test('progress is reported every five seconds, not for every piece', () => {
  job.start();
  job.write();
  const told = Array.from({ length: 12 }, () => {
    now += 1_000;
    return job.advance({ kind: 'tasks', bytes: 1, rows: 0 });
  });
  expect(told.flatMap((is, at) => (is ? [at + 1] : []))).toEqual([5, 10]);
});

test('a job that is aborted twice keeps the first reason', () => {
  job.abort(new Error('first'));
  job.abort(new Error('second'));
  expect(job.signal.reason).toEqual(new Error('first'));
});

test.each([
  ['accepted', 'queued'],
  ['running', 'queued'],
  ['completed', 'ended'],
  ['failed', 'ended'],
] as const)('a recorded request in state %s without a job is shown as %s', (state, phase) => {
  const record = {
    state,
    manifest: {
      files: [
        { rows: 2, bytes: 3 },
        { rows: 4, bytes: 5 },
      ],
    },
  };
  // Only these two are looked at.
  const { progress } = recordedView(record as unknown as ExportRecord);
  expect(progress).toMatchObject({ phase, rows: 6, bytes: 8 });
});
