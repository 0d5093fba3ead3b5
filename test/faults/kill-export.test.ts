import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileSizes, killWhen } from '../support/killing.ts';
import { chosenSeed, seededRandom } from '../support/random.ts';
import { queryDatabase } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTidemark, tidemarkDone, tidemarkKilled } from '../support/tidemark.ts';

const seed = chosenSeed();
const random = seededRandom(seed);
const layouts = {
  csv: { flags: ['--format', 'csv', '--compression', 'gzip', '--manifest'], files: 4 },
  json: { flags: ['--format', 'json', '--manifest'], files: 2 },
} as const;
const window = ['--time-from', '2010-08-05T00:00:00Z', '--time-to', '2010-08-05T14:00:00Z'];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const place = () => ({ db: path.join(folder.path, 'calls.duckdb'), root: path.join(folder.path, 'out') });
beforeAll(async () => {
  folder = await temporaryFolder();
  await tidemarkDone(['ingest', path.resolve('examples/calls-2010-08-05.ndjson.gz'), '--db', place().db]);
});
afterAll(() => folder.remove());

function exportArgs(prefix: string, format: keyof typeof layouts): string[] {
  const { db, root } = place();
  return ['export', '--db', db, '--export-root', root, '--file-prefix', prefix, ...window, ...layouts[format].flags];
}

/** The part of a name after the stamp → the content's hash, of the visible files in a folder. */
async function visibleFiles(subfolder: string): Promise<ReadonlyMap<string, string>> {
  const where = path.join(place().root, subfolder);
  const names = await readdir(where).catch(() => []);
  const files = new Map<string, string>();
  for (const name of names.filter(visible => !visible.startsWith('.tidemark-'))) {
    const content = await readFile(path.join(where, name));
    files.set(name.replace(/^\d{8}_\d{6}_\d{3}_/, ''), createHash('sha256').update(content).digest('hex'));
  }
  return files;
}

/** Whatever is visible is whole, and `services` never without the others. */
async function expectWhole(subfolder: string, format: keyof typeof layouts, whole: ReadonlyMap<string, string>) {
  const files = await visibleFiles(subfolder);
  const context = `${subfolder} of seed ${seed}`;
  for (const [name, sha256] of files) {
    if (name !== 'manifest.json') expect(sha256, `${name} of ${context}`).toBe(whole.get(name));
  }
  if (files.has('manifest.json')) expect(await hashesOfManifest(subfolder), context).toEqual(sorted(whole));
  if ([...files.keys()].some(name => name.startsWith('services'))) expect(files.size).toBe(layouts[format].files);
  return files.size;
}

/** A manifest names the run's own request, so it is compared by the hashes that it tells. */
async function hashesOfManifest(subfolder: string): Promise<readonly string[]> {
  const where = path.join(place().root, subfolder);
  const name = (await readdir(where)).find(entry => entry.endsWith('_manifest.json'));
  const manifest: { files: { packed_sha256: string }[] } = JSON.parse(
    await readFile(path.join(where, name ?? ''), 'utf8'),
  );
  return manifest.files.map(file => file.packed_sha256).toSorted();
}

function sorted(whole: ReadonlyMap<string, string>): readonly string[] {
  return [...whole].flatMap(([name, sha256]) => (name === 'manifest.json' ? [] : [sha256])).toSorted();
}

// contract 4.4
test.each([
  ['csv', 13],
  ['json', 12],
] as const)(
  `%s exports killed %i times leave all files or none, and the next export completes them (seed ${seed})`,
  async (format, kills) => {
    await tidemarkDone(exportArgs(`whole-${format}/`, format));
    const whole = await visibleFiles(`whole-${format}`);
    expect(whole.size).toBe(layouts[format].files);
    const began = performance.now();
    await tidemarkDone(exportArgs(`timed-${format}/`, format));
    let wholeMs = performance.now() - began;

    let killed = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      // The first third of a run only starts the program; the rest is where there is something to break.
      const moment = wholeMs * (0.35 + (0.75 * (kill + random())) / kills);
      const started = performance.now();
      if (await tidemarkKilled(exportArgs(`killed-${format}-${kill}/`, format), moment)) killed += 1;
      // The machine is faster now than when it was measured.
      else wholeMs = performance.now() - started;
      await expectWhole(`killed-${format}-${kill}`, format, whole);
      if (kill % 4 === 3 || kill === kills - 1) await recoverAll(format, kill, whole);
    }
    expect(killed, 'most kills came before the end').toBeGreaterThan(kills / 3);
  },
);

// contract 4.3
test('an export killed as soon as it has reserved its names leaves nothing reserved when the next one has run', async () => {
  const hidden = () => [...fileSizes(place().root).keys()].filter(name => path.basename(name).startsWith('.tidemark-'));
  for (let kill = 1; kill <= 4; kill += 1) {
    const before = hidden().length;
    await killWhen(startTidemark(exportArgs('reserved/', 'json')), 'a reservation', () => hidden().length > before);
  }
  await tidemarkDone(exportArgs('after-reserved/', 'json'));
  expect(hidden()).toEqual([]);
  const states = await queryDatabase(place().db, query => query('SELECT DISTINCT state FROM exports'));
  expect(states).toEqual([['completed']]);
});

/** The next export finishes what all dead ones left. */
async function recoverAll(format: keyof typeof layouts, kill: number, whole: ReadonlyMap<string, string>) {
  const { db, root } = place();
  await tidemarkDone(exportArgs(`next-${format}-${kill}/`, format));
  const requests = await queryDatabase(db, query => query('SELECT request_id, state, plan FROM exports'));
  expect(new Set(requests.map(([id]) => id)).size, 'a request has one record').toBe(requests.length);
  for (const [id, state] of requests) expect([id, state], `seed ${seed}`).toEqual([id, 'completed']);
  for (const [, , plan] of requests) {
    const { names, destination }: { names: string[]; destination: { folder: string } } = JSON.parse(String(plan));
    expect(await readdir(destination.folder)).toEqual(expect.arrayContaining(names));
  }
  const all = await readdir(root, { recursive: true });
  expect(all.filter(name => path.basename(name).startsWith('.tidemark-'))).toEqual([]);
  for (const subfolder of all.filter(name => name.startsWith(`killed-${format}-`) && !name.includes('/'))) {
    expect(await expectWhole(subfolder, format, whole), subfolder).toBe(layouts[format].files);
  }
}
