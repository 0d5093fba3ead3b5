import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { goldenLines, goldenPath } from '../support/golden.ts';
import { fileSizes, killWhen } from '../support/killing.ts';
import { readValues } from '../support/log-files.ts';
import { chosenSeed, seededRandom } from '../support/random.ts';
import { readTables, type TableContent } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTidemark, tidemarkDone, tidemarkKilled } from '../support/tidemark.ts';

const seed = chosenSeed();
const kills = process.env.SOAK ? 100 : 8;
const random = seededRandom(seed);
/** Twenty-five transactions' worth: the start of a log with everything allowed in it. */
const lines = goldenLines('messy/events.ndjson')
  .slice(0, 1500)
  .map(line => line.toString());
const content = Buffer.from(lines.map(line => `${line}\n`).join(''));

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const inFolder = (name: string) => path.join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function makeFile(): Promise<string> {
  const file = inFolder('events.ndjson');
  await writeFile(file, content);
  return file;
}

/** A log whose records are the lines of the file. */
async function makeLog(): Promise<string> {
  const root = inFolder('log');
  const writer = await openLogWriter({ root, topic: 'calls', partition: 0 });
  await writer.append(lines.map(line => ({ timestamp: null, key: null, value: Buffer.from(line) })));
  await writer.close();
  return root;
}

interface Uninterrupted {
  readonly tables: TableContent;
  readonly ms: number;
}

const ingestArgs = (source: string, db: string) => ['ingest', source, '--db', db, '--batch-records', '60', '--json'];

async function runUninterrupted(source: string, db: string): Promise<Uninterrupted> {
  const began = performance.now();
  await tidemarkDone(ingestArgs(source, db));
  const ms = performance.now() - began;
  return { tables: await readTables(db), ms };
}

/** Starts and kills the command until it was killed so often; a run that came to its end begins a new database. */
async function killAgainAndAgain(source: string, db: string, kills: number, whole: Uninterrupted): Promise<void> {
  const args = ingestArgs(source, db);
  let finished = 0;
  // The machine may be faster now than when it was measured.
  let spanMs = whole.ms * 0.7;
  for (let killed = 0; killed < kills; ) {
    if (await tidemarkKilled(args, spanMs * random())) killed += 1;
    else {
      expect(await readTables(db), `run ${finished} of seed ${seed}`).toEqual(whole.tables);
      for (const ending of ['', '.wal']) await rm(`${db}${ending}`, { force: true });
      finished += 1;
      spanMs *= 0.8;
    }
  }
  const last: { records_read: number } = JSON.parse(await tidemarkDone(args));
  expect(finished > 0 || last.records_read < lines.length, 'killed runs had stored something').toBe(true);
}

// contract 2.2, 2.10
test.each([
  ['a file', makeFile],
  ['a local log', makeLog],
])(
  `ingestion of %s, killed ${kills} times, gives the tables of an undisturbed run (seed ${seed})`,
  async (name, makeSource) => {
    const source = await makeSource();
    const whole = await runUninterrupted(source, inFolder(`whole ${name}.duckdb`));
    expect(whole.tables.partitions).toMatchObject([{ nextOffset: lines.length, recordsRead: lines.length }]);

    const db = inFolder(`killed ${name}.duckdb`);
    await killAgainAndAgain(source, db, kills, whole);
    expect(await readTables(db)).toEqual(whole.tables);
  },
  120_000 + kills * 10_000,
);

// contract 2.14
test(`standard input cut by kill -9, 5 times, is stored up to the last appended line (seed ${seed})`, async () => {
  for (let kill = 0; kill < 5; kill += 1) {
    const db = inFolder(`input-${kill}.duckdb`);
    const command = startTidemark(['ingest', '-', '--db', db, '--batch-records', '60']);
    const given = content.subarray(0, Math.floor(content.length * random()));
    command.child.stdin.write(given);
    // All whole lines get into the log, which is larger than its records. The input stays open, so the command runs on.
    const wanted = random() * (given.lastIndexOf('\n') + 1);
    const isThere = () => totalOf(fileSizes(`${db}.log`)) >= wanted;
    expect(await killWhen(command, `${wanted} bytes of the log`, isThere), 'killed while it ran').toBe(true);

    await tidemarkDone(['ingest', '-', '--db', db]);
    const { values, failure } = await readValues(`${db}.log`);
    expect(failure).toBeNull();
    expect(values, `what was kept of the input begins it (seed ${seed})`).toEqual(lines.slice(0, values.length));
    const prefix = inFolder(`prefix-${kill}.duckdb`);
    await tidemarkDone(['ingest', '-', '--db', prefix], { input: values.map(value => `${value}\n`).join('') });
    // Each log has an identity of its own, and so has its topic.
    const sameTopic = ({ partitions, ...tables }: TableContent) => ({
      ...tables,
      partitions: partitions.map(partition => ({ ...partition, topic: 'stdin' })),
    });
    expect(sameTopic(await readTables(db)), `seed ${seed}`).toEqual(sameTopic(await readTables(prefix)));
  }
});

test(`a database whose process was killed in its first moments, 8 times, can be opened (seed ${seed})`, async () => {
  let killed = 0;
  for (let kill = 0; kill < 8; kill += 1) {
    const home = inFolder(`young-${kill}`);
    await mkdir(home);
    const args = ['ingest', goldenPath('seed/events.ndjson'), '--db', path.join(home, 'x.duckdb')];
    // A new database goes through a dozen states from its first file to its first checkpoint: nothing, a hidden file, the
    // file under its name, its log of changes growing, and then the file growing.
    const states = new Set<string>();
    const wanted = 2 + Math.floor(((kill + random()) / 8) * 10);
    const isThere = () => states.add(JSON.stringify([...fileSizes(home)])).size >= wanted;
    if (await killWhen(startTidemark(args), `state ${wanted} of the files`, isThere)) killed += 1;
    await tidemarkDone(args);
    expect((await readTables(args.at(-1)!)).partitions, `seed ${seed}`).toMatchObject([{ recordsRead: 16 }]);
  }
  expect(killed, 'killed before their end').toBeGreaterThan(4);
});

function totalOf(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
