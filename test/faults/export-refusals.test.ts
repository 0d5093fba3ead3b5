import { mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, type TestContext, test } from 'vitest';
import { goldenPath } from '../support/golden.ts';
import { tidemarkDoneHere, tidemarkHere } from '../support/in-process.ts';
import { mountNamespace } from '../support/skipping.ts';
import { queryDatabase } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemark } from '../support/tidemark.ts';

/** What the command line refuses of an export's destination: how it says so, and that nothing is written. */
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let db: string;
let root: string;
let runs = 0;
beforeAll(async () => {
  folder = await temporaryFolder();
  db = path.join(folder.path, 'messy.duckdb');
  await tidemarkDoneHere(['ingest', goldenPath('messy/events.ndjson'), '--db', db]);
});
afterAll(() => folder.remove());
beforeEach(async () => {
  runs += 1;
  root = path.join(folder.path, `out-${runs}`);
  await mkdir(root);
});

const exportArgs = (prefix: string) => [
  ...['export', '--db', db, '--export-root', root, '--file-prefix', prefix],
  ...['--time-from', '2020-01-01T00:00:00Z', '--time-to', '2030-01-01T00:00:00Z'],
];

async function expectStillExports(): Promise<void> {
  const { paths }: { paths: string[] } = JSON.parse(await tidemarkDoneHere([...exportArgs('after_'), '--json']));
  expect((await readdir(root)).map(name => path.join(root, name)).toSorted()).toEqual(paths.toSorted());
}

test.each([
  ['the parent folder', '../x_', '".."'],
  ['a parent folder inside the path', 'a/../../x_', '".."'],
  ['a drive letter', 'C:/export', 'prefix_map'],
  ['a drive letter with backslashes', 'C:\\export', 'allowed'],
  ['an absolute path outside', '/etc/x_', 'prefix_map'],
  ['a neighbour that begins with the same letters', 'ROOT-other/x_', 'outside the export root'],
  ['a link that leads outside', 'link/x_', 'link'],
  ['a control character', 'a\nb', 'control character'],
  ['the beginning of a hidden name', '.tidemark-x', '.tidemark-'],
])('a file_prefix with %s is refused, and nothing is written', async (_, prefix, told) => {
  const elsewhere = path.join(folder.path, `elsewhere-${runs}`);
  await mkdir(elsewhere);
  await symlink(elsewhere, path.join(root, 'link'));
  const before = await readdir(folder.path, { recursive: true });
  const { code, stderr } = await tidemarkHere(exportArgs(prefix.replace('ROOT', root)));
  expect(code, stderr).toBe(64);
  expect(stderr).toContain('file_prefix');
  expect(stderr).toContain(told);
  expect(await readdir(folder.path, { recursive: true })).toEqual(before);
});

test('an export root that is a link is allowed', async () => {
  const link = path.join(folder.path, `link-${runs}`);
  await symlink(root, link);
  await tidemarkDoneHere([...exportArgs(`${link}/x_`), '--export-root', link]);
  expect(await readdir(root)).toHaveLength(3);
});

test('an export root that is a file is refused', async () => {
  const { code, stderr } = await tidemarkHere([...exportArgs('x_'), '--export-root', db]);
  expect([code, stderr]).toEqual([73, expect.stringMatching(/export root .*messy\.duckdb.*\[NOT_WRITABLE\]/s)]);
});

/** The command in a mount namespace where the export root is a disk of its own; what is left on it is told on stderr. */
function onOwnDisk(context: Pick<TestContext, 'skip'>, options: string): readonly string[] {
  const script = `mount -t tmpfs -o ${options} none "$0" && { "$@"; code=$?; echo "left: $(ls -A "$0")" >&2; exit $code; }`;
  return [...mountNamespace(context), 'sh', '-c', script, root];
}

test.for([
  ['full', 'size=200k', 74, 'DISK_FULL', [['failed']]],
  // Its names cannot be reserved, so the request is not accepted.
  ['read-only', 'ro', 73, 'NOT_WRITABLE', []],
] as const)(
  'on a %s disk the export fails without files, and works again afterwards',
  async ([, options, exitCode, word, recorded], context) => {
    const within = onOwnDisk(context, options);
    const { code, stderr } = await tidemark([...exportArgs('sub/x_'), '--request-id', word], { within });
    expect(code, stderr).toBe(exitCode);
    expect(stderr).toMatch(new RegExp(`could not .*${root}.*\\[${word}\\]`, 's'));
    expect(stderr).toMatch(/left: (sub)?\n$/);
    const state = await queryDatabase(db, query => query(`SELECT state FROM exports WHERE request_id = '${word}'`));
    expect(state).toEqual(recorded);
    await expectStillExports();
  },
);

test('when the disk of the database is full, the run can be repeated once there is space', async context => {
  const disk = onOwnDisk(context, 'size=2m');
  const twice = '"$@"; echo "first: $?" >&2; mount -o remount,size=200m none "$0" && "$@"';
  const within = [...disk, 'sh', '-c', twice, root];
  const args = ['ingest', path.resolve('examples/calls-2010-08-05.ndjson.gz'), '--db', path.join(root, 'x.duckdb')];
  const { code, stdout, stderr } = await tidemark([...args, '--batch-records', '1000', '--json'], { within });
  expect(stderr).toMatch(/"DISK_FULL".*could not store a batch of .*no space is left.*first: 74\n/s);
  expect(code, stderr).toBe(0);
  const { records_read: recordsRead }: { records_read: number } = JSON.parse(stdout.trim());
  expect(recordsRead, 'the rest of 17,152').toBeGreaterThan(0);
  expect(recordsRead).toBeLessThan(17_152);
});
