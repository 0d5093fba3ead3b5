import { stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { savedMember } from '../../../ops/service/member-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('the member id is saved for the next process of the same group, readable by its owner only', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const db = path.join(folder.path, 'x.duckdb');
  savedMember(db, 'group').save('me');
  expect((await stat(`${db}.member.json`)).mode & 0o777).toBe(0o600);
  expect(savedMember(db, 'group').formerId).toBe('me');
  expect(savedMember(db, 'other').formerId).toBeNull();
  savedMember(db, 'group').forget();
  expect(savedMember(db, 'group').formerId).toBeNull();
});
