import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogWriter } from '../../../connectors/log-files/log/log-writer.ts';
import { logDirectorySource } from '../../../connectors/log-files/log-directory-source.ts';
import { ndjsonFileSource } from '../../../connectors/log-files/ndjson-file-source.ts';
import type { BatchLimits, EventSource } from '../../../pipeline/ports.ts';
import { records } from '../../support/log-files.ts';
import { readLines } from '../../support/read-lines.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const values = Array.from({ length: 12 }, (_, at) => `{"a":${at}}`);
const limits = (batchRecords: number): BatchLimits => ({ batchRecords, batchBytes: 1_000 });

/** Line 5 is blank. */
async function ofFile(): Promise<(until: number, batchRecords: number) => EventSource> {
  const file = path.join(folder.path, 'events.ndjson');
  await writeFile(file, `${[...values.slice(0, 5), '', ...values.slice(5)].join('\n')}\n`);
  return (until, batchRecords) => ndjsonFileSource({ path: file, until, ...limits(batchRecords) });
}

async function ofLog(): Promise<(until: number, batchRecords: number) => EventSource> {
  const writer = await openLogWriter({ root: folder.path, topic: 'calls', partition: 0, segmentBytes: 300 });
  for (let at = 0; at < values.length; at += 4) await writer.append(records(...values.slice(at, at + 4)));
  await writer.close();
  return (until, batchRecords) =>
    logDirectorySource({ path: folder.path, kind: 'folder', until: () => until, ...limits(batchRecords) });
}

describe.each([
  ['a file', ofFile],
  ['a log folder', ofLog],
])('%s that is read up to an offset', (_name, open) => {
  test('gives no record from there on, and goes on from there', async () => {
    const source = await open();
    const whole = await readLines(source(1_000, 1_000));
    expect(whole.lines).toHaveLength(values.length);
    for (const batchRecords of [1, 3, 1_000])
      for (let until = 0; until <= 14; until += 1) {
        const below = whole.lines.filter(line => Number.parseInt(line, 10) < until);
        const first = await readLines(source(until, batchRecords));
        expect([first.failure, first.lines], `up to ${until}, ${batchRecords} a batch`).toEqual([null, below]);
        const rest = await readLines(source(1_000, batchRecords), first.stored);
        expect([rest.failure, rest.lines]).toEqual([null, whole.lines.slice(below.length)]);
        expect((await readLines(source(until, batchRecords), first.stored)).lines).toEqual([]);
      }
  });
});

test('a log of a folder that is not asked for is not read', async () => {
  await ofLog();
  const source = logDirectorySource({ path: folder.path, kind: 'folder', until: () => null, ...limits(10) });
  expect((await readLines(source)).lines).toEqual([]);
});
