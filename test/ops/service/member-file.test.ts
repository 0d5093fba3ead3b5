import { execFile } from 'node:child_process';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { savedMember } from '../../../ops/service/member-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let db: string;
beforeEach(async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  db = path.join(folder.path, 'x.duckdb');
});

test('the member id is saved for the next process of the same group, readable by its owner only', async () => {
  await savedMember(db, 'group').save('me');
  expect((await stat(`${db}.member.json`)).mode & 0o777).toBe(0o600);
  expect(savedMember(db, 'group').formerId).toBe('me');
  expect(savedMember(db, 'other').formerId).toBeNull();
  await savedMember(db, 'group').forget();
  expect(savedMember(db, 'group').formerId).toBeNull();
});

test('of changes that overlap the last one counts', async () => {
  const saved = savedMember(db, 'group');
  const changes = [saved.save('first'), saved.forget(), saved.save('last')];
  await Promise.all(changes);
  expect(savedMember(db, 'group').formerId).toBe('last');
  expect(await readdir(path.dirname(db))).toEqual(['x.duckdb.member.json']);
});

test('a file that cannot be written or removed stops nothing', async () => {
  const saved = savedMember(path.join(path.dirname(db), 'missing', 'x.duckdb'), 'group');
  await saved.save('me');
  await mkdir(`${db}.member.json/full`, { recursive: true });
  await savedMember(db, 'group').forget();
});

test.each([
  ['that is empty', (file: string) => writeFile(file, '')],
  ['that holds null', (file: string) => writeFile(file, 'null')],
  ['that is a folder', (file: string) => mkdir(file)],
  ['that is a named pipe', (file: string) => promisify(execFile)('mkfifo', [file])],
])('a file %s counts as none', async (_, damage) => {
  await damage(`${db}.member.json`);
  expect(savedMember(db, 'group').formerId).toBeNull();
});
