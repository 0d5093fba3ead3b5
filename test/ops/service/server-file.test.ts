import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { announceServer, findServer, withdrawServer } from '../../../ops/service/server-file.ts';
import { tidemarkDoneHere } from '../../support/in-process.ts';
import { serve } from '../../support/serving.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { tidemark } from '../../support/tidemark.ts';

const server = { url: 'http://127.0.0.1:1', pid: 1, token: 't', export_root: '/out', certificate: null };

let db: string;
beforeEach(async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  db = path.join(folder.path, 'x.duckdb');
});

test('a service is found until it withdraws', async () => {
  expect(await findServer(db)).toBeNull();
  await announceServer(db, server);
  expect(await findServer(db)).toEqual(server);
  await announceServer(db, { ...server, certificate: 'AA:BB' });
  expect(await findServer(db)).toEqual({ ...server, certificate: 'AA:BB' });
  await withdrawServer(db);
  expect(await findServer(db)).toBeNull();
});

/** What a full disk, a copy or a hand may have left in place of the file. */
const damages: readonly (readonly [string, (file: string) => Promise<unknown>])[] = [
  ['is empty', file => writeFile(file, '')],
  ['is cut off', file => writeFile(file, '{"url":"http://127.0.0.1:1","pi')],
  ['holds null', file => writeFile(file, 'null')],
  ['holds a list', file => writeFile(file, '[]')],
  ['lacks its token', file => writeFile(file, JSON.stringify({ ...server, token: undefined }))],
  ['has no usable address', file => writeFile(file, JSON.stringify({ ...server, url: 'nowhere' }))],
  ['has no certificate member', file => writeFile(file, JSON.stringify({ ...server, certificate: undefined }))],
  ['is a folder', file => mkdir(file)],
  ['is a named pipe', file => promisify(execFile)('mkfifo', [file])],
];

describe.each(damages)('a server file that %s', (_, damage) => {
  test('counts as none, so status, exports and export work on the database', async () => {
    const event = '{"event":"service.started","service_id":"s","timestamp":"2014-06-01T00:00:00Z"}\n';
    await writeFile(path.join(path.dirname(db), 'one.ndjson'), event);
    const cwd = path.dirname(db);
    await tidemarkDoneHere(['ingest', 'one.ndjson', '--db', db], { cwd });
    await damage(`${db}.server.json`);
    await tidemarkDoneHere(['status', '--db', db], { cwd });
    await tidemarkDoneHere(['exports', '--db', db], { cwd });
    const window = ['--file-prefix', 'x_', '--time-from', '2014-01-01T00:00:00Z'];
    await tidemarkDoneHere(['export', '--db', db, ...window], { cwd });
  });
});

describe('beside a running service', () => {
  let served: Awaited<ReturnType<typeof serve>>;
  const ends: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    served = await serve({}, end => ends.push(end));
    return async () => {
      for (const end of ends) await end();
    };
  });

  test('a damaged server file makes commands say who has the database', async () => {
    const file = `${served.db}.server.json`;
    await rm(file);
    await writeFile(file, '');
    const { code, stderr } = await tidemark(['status', '--db', served.db]);
    expect([code, stderr]).toEqual([
      75,
      expect.stringContaining(`${served.db} is in use by process ${served.note.pid}; one process at a time may own it`),
    ]);
  });
});
