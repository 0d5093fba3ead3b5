import { readFile, rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Manifest } from '../../../pipeline/export/manifest.ts';
import {
  type ChangeableLog,
  changeableFile,
  changeableFolder,
  folderRecord,
  type Records,
} from '../../support/changed-logs.ts';
import { chosenSeed, seededRandom } from '../../support/random.ts';
import { verifyingInFolder } from '../../support/verifying.ts';

const { run, pathOf, verify, exported } = verifyingInFolder();
const seed = chosenSeed();
/** The share of the bytes of last records, and how many bytes of earlier ones, are changed in turn. */
const { share, earlier } = process.env.SOAK ? { share: 1, earlier: 100 } : { share: 0.1, earlier: 10 };

/** Rich events of a few services. The first cannot be decoded; some, the last among them, alter nothing that is exported. */
function eventsOf(name: string): readonly string[] {
  const at = (minute: number): string => new Date(Date.parse('2026-03-01T00:00:00Z') + minute * 60_000).toISOString();
  const lines = Array.from({ length: 6 }, (_, number) => {
    const service_id = `${name}-${number}`;
    const say = (event: string, minute: number, more: object): string =>
      JSON.stringify({ event, service_id, timestamp: at(number * 10 + minute), ...more });
    const [one, two] = [`${service_id}.1`, `${service_id}.2`];
    return [
      say('service.started', 0, { customer_id: number, unknown: 'to nobody', extensions: { Survey: { rating: 4.5 } } }),
      say('state.started', 1, { state_id: one, state_type: 'q', session_id: 'a"b' }),
      say('task.started', 2, { task_id: 't', state_id: one, est_duration: 60 }),
      say('state.transitioned', 3, { from: { state_id: one, disposition: 'ok' }, to: { state_id: two } }),
      `{"event":"extension.updated","entity":"task","service_id":"${service_id}","task_id":"t","name":"n","value":[1,"é"]}`,
      say('task.completed', 4, { task_id: 't', disposition_desc: 'done' }),
      say('state.completed', 5, { state_id: two, resource_id: 7 }),
      `{"event":"state.started","service_id":"${name}-x","state_id":"of a service that never began","timestamp":"${at(0)}"}`,
      say('service.completed', 6, { disposition: 'AGENT', media_type: 'voice' }),
    ];
  });
  const unknown = `{"event":"service.startd","service_id":"${name}-0"}`;
  return [unknown, ...lines.flat(), `{"event":"service.deleted","service_id":"${name}-x"}`];
}

const lineFeed = 0x0a;

/** Mostly the byte with one bit changed, sometimes the end of a line, which makes two lines of one. */
function otherByte(byte: number, random: () => number): number {
  return byte !== lineFeed && random() < 0.1 ? lineFeed : byte ^ (1 << Math.floor(random() * 8));
}

const read = async (manifest: string): Promise<Manifest> => JSON.parse(await readFile(pathOf(manifest), 'utf8'));

/** The extensions of tasks have no column, so that they are only counted. */
const form = ['--extension-columns', 'Survey.rating'];

/** What verify must say of the manifest, by what an export of the changed log, ingested anew, holds. */
function answerBy(was: Manifest, is: Manifest): string {
  const differs = (of: (manifest: Manifest) => unknown): boolean => JSON.stringify(of(was)) !== JSON.stringify(of(is));
  if (differs(({ partitions }) => partitions.map(({ topic }) => topic))) return 'cannot be rebuilt';
  if (differs(({ partitions }) => partitions.map(({ last_record }) => last_record))) return 'log differs';
  if (differs(({ partitions }) => partitions.map(({ quarantined }) => quarantined))) return 'decoded otherwise';
  if (differs(({ files }) => files.map(({ rows, sha256, values_outside_columns: out }) => [rows, sha256, out])))
    return 'files differ';
  return 'verified';
}

/** Exports from a log, and tells of other states of that log what verify says and what it must say. */
async function exportedOnce(log: ChangeableLog, records: Records) {
  await log.write(records);
  await run('ingest', log.path, '--db', 'first.duckdb');
  const manifest = await exported('--db', 'first.duckdb', ...form);
  const was = await read(manifest);
  expect(was.files.map(({ rows }) => rows)).toEqual([6, 12, 6].map(rows => rows * records.length));
  const verified = async (): Promise<string> => (await verify(manifest, '--log', log.path)).answers.join();
  return {
    async said(changed: Records): Promise<string> {
      await log.write(changed);
      return verified();
    },
    async wanted(changed: Records): Promise<string> {
      const counts = records.map(({ length }) => length);
      await run('ingest', await log.writeFirst(changed, counts), '--db', 'again.duckdb');
      const answer = answerBy(was, await read(await exported('--db', 'again.duckdb', ...form)));
      for (const file of ['again.duckdb', 'again.duckdb.wal']) await rm(pathOf(file), { force: true });
      return answer;
    },
  };
}

const time = Date.parse('2026-03-01T02:00:00Z');
const keyOf = (line: string): string => /"service_id":"(.{5})"/.exec(line)![1]!;
const head = `{"event":"service.deleted","service_id":"${'x'.repeat(66_000)}"}`;

test.each([
  [
    'a log folder',
    changeableFolder,
    // Their names differ in several bytes: no changed byte makes a service of both.
    ['one', 'two'].map(name => eventsOf(name).map((line, at) => folderRecord(time + at * 1_000, keyOf(line), line))),
  ],
  [
    'a file',
    changeableFile,
    // A file is recognized by its first 64 KiB.
    [[head, ...eventsOf('one')].map(line => Buffer.from(line))],
  ],
])(
  `a changed byte of a record of %s is named when it alters the last record, a count or a row (contract 5.22, seed ${seed})`,
  {
    timeout: 900_000,
  },
  async (_, logIn, records) => {
    const random = seededRandom(seed);
    const below = (bound: number): number => Math.floor(random() * bound);
    const { said, wanted } = await exportedOnce(logIn(pathOf('.')), records);
    const change = (partition: number, record: number, at: number) => {
      const bytes = records[partition]![record]!;
      const changed = Buffer.from(bytes.with(at, otherByte(bytes[at]!, random)));
      const where = `byte ${at} of record ${record} of partition ${partition}, seed ${seed}: ${changed.toString('latin1')}`;
      return { all: records.with(partition, records[partition]!.with(record, changed)), where };
    };
    for (const [partition, each] of records.entries())
      for (const at of each.at(-1)!.keys()) {
        if (random() >= share) continue;
        const { all, where } = change(partition, each.length - 1, at);
        expect(await said(all), where).toBe('log differs');
      }
    const answers = new Set<string>();
    for (let number = 0; number < earlier; number += 1) {
      const partition = below(records.length);
      const record = below(records[partition]!.length - 1);
      const { all, where } = change(partition, record, below(records[partition]![record]!.length));
      const answer = await wanted(all);
      answers.add(answer);
      expect(await said(all), where).toBe(answer);
    }
    expect(await said(records), 'the log as it was').toBe('verified');
    // Of so many changes each answer is given to some.
    if (process.env.SOAK)
      expect([...answers]).toEqual(expect.arrayContaining(['decoded otherwise', 'files differ', 'verified']));
  },
);
