import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLogWriter } from '../../../../connectors/log-files/log/log-writer.ts';
import { readValues } from '../../../support/log-files.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

const PROGRAM = path.resolve('dist/test/support/append-until-killed.js');
const TOPIC = 'killed';
/** The child appends at most this many records at a time, so at most this many are on disk without acknowledgement. */
const MAX_BATCH = 200;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run "npm run build" before the tests`);
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

interface Writer {
  readonly process: ChildProcess;
  /** Offsets below it were acknowledged; grows as the child prints. */
  acknowledged: number;
  /** Resolves when the child has ended, with what it wrote to stderr. */
  readonly ended: Promise<string>;
}

function start(seed: number, onPrinted: (writer: Writer) => void): Writer {
  const child = spawn(process.execPath, [PROGRAM, folder.path, TOPIC, String(seed)]);
  let printed = '';
  let stderr = '';
  const ended = new Promise<string>(resolve => child.on('close', () => resolve(stderr)));
  const writer = { process: child, acknowledged: 0, ended };
  child.stdout.setEncoding('utf8').on('data', text => {
    const lines = (printed + text).split('\n');
    printed = lines.pop() ?? '';
    for (const line of lines) writer.acknowledged = Number(line);
    onPrinted(writer);
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  return writer;
}

/** Runs a writer and kills it at a moment that depends on the seed: after some prints and some nanoseconds. */
async function runAndKill(seed: number): Promise<number> {
  let prints = 0;
  const writer = start(seed, ({ process: child }) => {
    prints += 1;
    if (prints !== 1 + (seed % 7)) return;
    const until = process.hrtime.bigint() + BigInt((seed * 137_911) % 3_000_000);
    while (process.hrtime.bigint() < until);
    child.kill('SIGKILL');
  });
  const stderr = await writer.ended;
  expect(writer.process.signalCode, stderr).toBe('SIGKILL');
  return writer.acknowledged;
}

const seeds = Array.from({ length: 25 }, (_, index) => 1 + index * 7_919);

test.each(seeds)(
  'after a kill (seed %i) all acknowledged records are there, no others, and the lock is free',
  async seed => {
    const acknowledged = await runAndKill(seed);
    const offsets = (await readValues(folder.path)).values.map(value => Number(value.split(':')[0]));
    expect(offsets.length).toBeGreaterThanOrEqual(acknowledged);
    expect(offsets.length).toBeLessThanOrEqual(acknowledged + MAX_BATCH);
    expect(offsets.every((offset, index) => offset === index)).toBe(true);
    const writer = await openLogWriter({ root: folder.path, topic: TOPIC, partition: 0 });
    expect(await writer.append([])).toEqual({ firstOffset: offsets.length });
    await writer.close();
  },
  20_000,
);

test('of several processes started at once one writes; the others are refused with its process number', async () => {
  await runAndKill(1);
  const writers = [2, 3, 4].map(seed => start(seed, () => undefined));
  const endings = writers.map(async (writer, index) => ({ index, stderr: await writer.ended }));
  const refused = [await Promise.race(endings)];
  refused.push(await Promise.race(endings.filter((_, index) => index !== refused[0]?.index)));
  const [winner, ...others] = writers.filter((_, index) => refused.every(ending => ending.index !== index));
  expect(others).toEqual([]);
  for (const { stderr } of refused) expect(stderr).toContain(`process ${winner?.process.pid}`);
  winner?.process.kill('SIGKILL');
  await winner?.ended;
}, 20_000);
