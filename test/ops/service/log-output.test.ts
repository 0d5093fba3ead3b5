import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { LogOutput } from '../../../ops/service/log-output.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder: string;
beforeEach(async () => {
  const made = await temporaryFolder();
  onTestFinished(made.remove);
  folder = made.path;
});

/** An output to this file, and the gaps that it reported. */
function outputTo(file: string, flags: string | number) {
  const descriptor = openSync(file, flags);
  onTestFinished(() => closeSync(descriptor));
  const gaps: number[] = [];
  return { output: new LogOutput(descriptor, lines => gaps.push(lines)), gaps };
}

/** A named pipe, and how its readers come, read and go. */
async function pipe() {
  const file = path.join(folder, 'pipe');
  await promisify(execFile)('mkfifo', [file]);
  const readers = new Set<number>();
  onTestFinished(() => {
    for (const reader of readers) closeSync(reader);
  });
  const open = (): number => {
    const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    readers.add(reader);
    return reader;
  };
  const close = (reader: number): void => {
    closeSync(reader);
    readers.delete(reader);
  };
  return { file, open, close };
}

/** What a reader finds in a pipe at the moment. */
function readNow(reader: number): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.alloc(65_536);
    try {
      const length = readSync(reader, chunk);
      if (length === 0) break;
      chunks.push(chunk.subarray(0, length));
    } catch {
      break;
    }
  }
  return Buffer.concat(chunks).toString();
}

const writing = constants.O_WRONLY | constants.O_NONBLOCK;
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `line ${from + at}\n`);

test('lines arrive in their order', async () => {
  const file = path.join(folder, 'log');
  const { output, gaps } = outputTo(file, 'w');
  const lines = numbered(0, 2_000);
  for (const line of lines) output.write(line);
  await output.flush(10_000);
  expect(readFileSync(file, 'utf8')).toBe(lines.join(''));
  expect([output.dropped, gaps]).toEqual([0, []]);
});

test('on a full disk lines are dropped and counted, and nobody waits', async () => {
  const { output } = outputTo('/dev/full', 'w');
  for (const line of numbered(0, 10)) output.write(line);
  await output.flush(10_000);
  output.write('one more\n');
  await output.flush(10_000);
  expect(output.dropped).toBe(11);
});

test('a full pipe keeps what was written first; beyond a bound, lines are dropped, and later ones arrive', async () => {
  const { file, open } = await pipe();
  const reader = open();
  const { output, gaps } = outputTo(file, writing);
  const long = `${'x'.repeat(1023)}\n`;
  const began = performance.now();
  for (let line = 0; line < 3_000; line += 1) output.write(long);
  expect(performance.now() - began, 'nobody waits for the reader').toBeLessThan(2_000);
  const { dropped } = output;
  expect(dropped).toBeGreaterThan(1_000);
  await output.flush(100);
  let read = '';
  await waitFor('all lines that were not dropped', async () => {
    read += readNow(reader);
    return read.length === (3_000 - dropped) * long.length ? true : null;
  });
  output.write('last\n');
  await output.flush(10_000);
  expect(readNow(reader)).toBe('last\n');
  expect([output.dropped, gaps.reduce((sum, lines) => sum + lines, 0)]).toEqual([dropped, dropped]);
});

test('when a reader goes and another one comes, the lines between are counted, and a line that was cut off is ended', async () => {
  const { file, open, close } = await pipe();
  const first = open();
  const { output, gaps } = outputTo(file, writing);
  output.write('whole\n');
  // Longer than a pipe holds.
  output.write(`${'y'.repeat(200_000)}\n`);
  await output.flush(100);
  close(first);
  await waitFor('the line to be given up', async () => (output.dropped === 1 ? true : null));
  output.write('to nobody\n');
  await output.flush(10_000);
  expect([output.dropped, gaps]).toEqual([2, []]);

  const second = open();
  output.write('again\n');
  output.write('and again\n');
  // The pipe still holds what the first reader left in it.
  let read = '';
  await waitFor('the last line', async () => {
    read += readNow(second);
    return read.endsWith('and again\n') ? true : null;
  });
  expect(read.replace(/y+/, 'yyy')).toBe('whole\nyyy\nagain\nand again\n');
  expect([output.dropped, gaps]).toEqual([2, [2]]);
});
