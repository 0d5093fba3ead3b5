import { afterEach, beforeEach, expect, type TestContext, test } from 'vitest';
import { diskFailure } from '../../../connectors/disk.ts';
import { type ChildRun, runChild } from '../../support/child-program.ts';
import { mountNamespace } from '../../support/skipping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let root: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  root = await temporaryFolder();
});
afterEach(() => root.remove());

/** What `test/support/disk-faults.ts` prints. */
interface FaultReport {
  readonly failures: readonly string[];
  readonly held?: number;
  readonly after?: readonly string[];
  readonly published: readonly string[];
}

/** The report of a child process that mounts a disk of its own. Skips the test where the machine does not allow that. */
async function runOnOwnDisk(context: Pick<TestContext, 'skip'>, run: ChildRun): Promise<FaultReport> {
  const end = await runChild({ ...run, within: mountNamespace(context) });
  expect(end.code, end.stderr).toBe(0);
  return JSON.parse(end.stdout);
}

test.for(['uncompressed', 'gzip', 'zip'])(
  'a disk that fills up while an export is written, %s: DISK_FULL; once the file is discarded, another can be published',
  async (compression, context) => {
    const report = await runOnOwnDisk(context, { program: 'disk-faults', args: ['full', root.path, compression] });
    const { failures, ...rest } = report;
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures)
      expect(failure).toMatch(/^DISK_FULL could not write x_1\.csv into .*no space is left/);
    expect(rest).toEqual({ held: 1, after: [], published: ['x_1.csv'] });
  },
);

test('a disk that becomes read-only: NOT_WRITABLE, until it is writable again', async context => {
  const report = await runOnOwnDisk(context, { program: 'disk-faults', args: ['read-only', root.path] });
  const refused = expect.stringMatching(new RegExp(`^NOT_WRITABLE could not .*${root.path}`));
  expect(report).toEqual({ failures: [refused, refused, refused, refused, refused, refused], published: ['x_1.csv'] });
});

test.each([
  ['ENOSPC', 'DISK_FULL'],
  ['EDQUOT', 'DISK_FULL'],
  ['EACCES', 'NOT_WRITABLE'],
  ['EROFS', 'NOT_WRITABLE'],
  ['EPERM', 'NOT_WRITABLE'],
  ['EIO', 'EXPORT_FAILED'],
])('the system error %s becomes %s with the error as its cause', (systemCode, code) => {
  const cause = Object.assign(new Error('message of the system'), { code: systemCode });
  expect(diskFailure(cause, 'write /out/x', 'EXPORT_FAILED')).toMatchObject({ code, cause });
  expect(diskFailure(cause, 'write /out/x', 'EXPORT_FAILED').message).toMatch(
    /could not write \/out\/x.*message of the system/,
  );
});
