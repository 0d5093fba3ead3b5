import { stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { keptMembership } from '../../../ops/service/member-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('which member we are is kept for the next process, and for the owner only', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const db = path.join(folder.path, 'x.duckdb');
  keptMembership(db, 'group').joined('me');
  expect((await stat(`${db}.member.json`)).mode & 0o777).toBe(0o600);
  expect(keptMembership(db, 'group').former).toBe('me');
  expect(keptMembership(db, 'other').former).toBeNull();
  keptMembership(db, 'group').left();
  expect(keptMembership(db, 'group').former).toBeNull();
});
