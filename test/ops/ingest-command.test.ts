import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goldenLines, goldenPath, readGolden } from '../support/golden.ts';
import { tidemarkDoneHere, tidemarkHere } from '../support/in-process.ts';
import { readValues } from '../support/log-files.ts';
import { queryDatabase, readTables } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTidemark, tidemarkDone } from '../support/tidemark.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const inFolder = (name: string) => path.join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

describe('Ctrl-C', () => {
  test('ends ingestion between two transactions, and the next run completes it', async () => {
    const events = goldenPath('messy/events.ndjson');
    const db = inFolder('interrupted.duckdb');
    const args = ['ingest', events, '--db', db, '--batch-records', '5'];
    const { child, ended } = startTidemark(args);
    // The first line of progress comes after two seconds, with most of the 711 batches still to come.
    child.stderr.once('data', () => child.kill('SIGINT'));
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).toBe(130);
    const progress = /^\S+events\.ndjson: [\d.]+ KiB of 955\.6 KiB, [\d,]+ records, [\d,]+\/s, about [\d.]+ s left\n/;
    expect(stderr, 'plain lines, as this is no terminal').toMatch(progress);
    expect(stderr).toMatch(/interrupted between two transactions.*run the same command again.*\[INTERRUPTED\]/);
    const stored = Number(/([\d,]+) records read/.exec(stdout)?.[1]?.replace(',', ''));
    const [partition] = (await readTables(db)).partitions;
    expect(partition).toMatchObject({ nextOffset: stored, recordsRead: stored, applied: stored, quarantined: 0 });
    expect(stored % 5).toBe(0);

    const rest: { records_read: number } = JSON.parse(await tidemarkDoneHere(['ingest', events, '--db', db, '--json']));
    expect(stored + rest.records_read).toBe(3553);
    await tidemarkDoneHere(['ingest', events, '--db', inFolder('whole.duckdb')]);
    expect(await readTables(db)).toEqual(await readTables(inFolder('whole.duckdb')));
  });

  // contract 2.14
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends the command although standard input is open and idle',
    async signal => {
      const db = inFolder(`idle-${signal}.duckdb`);
      const { child, ended } = startTidemark(['ingest', '-', '--db', db, '--json']);
      child.stdin.write(await readFile(goldenPath('seed/events.ndjson')));
      await untilAppended(`${db}.log`, child);
      child.kill(signal);
      const { code, stderr } = await ended;
      expect(code, stderr).toBe(130);
      await tidemarkDone(['ingest', '-', '--db', db]);
      expect((await readTables(db)).partitions).toMatchObject([{ recordsRead: 16, applied: 16 }]);
    },
  );
});

/** Looks until the log holds all that was written, or the writer is gone. */
async function untilAppended(log: string, writer: ChildProcess): Promise<void> {
  for (let records = 0; records < 16 && writer.exitCode === null; ) {
    records = await readValues(log).then(
      ({ values }) => values.length,
      () => 0,
    );
  }
}

describe('golden/rejects', () => {
  const expected =
    readGolden<{ line: number; outcome: string; reason?: string; field?: string }[]>('rejects/expected.json');
  const rejected = expected.filter(({ outcome }) => outcome === 'quarantined');
  const lines = goldenLines('rejects/events.ndjson');
  let db: string;
  let topic: string;
  beforeAll(async () => {
    db = inFolder('rejects.duckdb');
    const read = JSON.parse(
      await tidemarkDoneHere(['ingest', goldenPath('rejects/events.ndjson'), '--db', db, '--json']),
    );
    expect(read).toMatchObject({
      records_read: expected.length,
      applied: expected.length - rejected.length,
      quarantined: rejected.length,
    });
    topic = String((await readTables(db)).partitions[0]?.topic);
  });

  test('quarantine list --json lists every rejected record in order, with reason and field', async () => {
    const rows: { offset: number; reason: string; field: string | null }[] = JSON.parse(
      await tidemarkDoneHere(['quarantine', 'list', '--db', db, '--json']),
    );
    expect(rows.map(({ offset, reason }) => [offset + 1, reason])).toEqual(
      rejected.map(({ line, reason }) => [line, reason]),
    );
    for (const [index, { field }] of rejected.entries()) {
      if (field !== undefined) expect(rows[index]?.field, `line ${rejected[index]?.line}`).toBe(field);
    }
  });

  test('quarantine list prints CSV with a header line and one row per record, which a CSV reader can read', async () => {
    const rows: { offset: string; topic: string }[] = parse(
      await tidemarkDoneHere(['quarantine', 'list', '--db', db]),
      {
        columns: true,
      },
    );
    expect(rows.map(({ offset }) => Number(offset) + 1)).toEqual(rejected.map(({ line }) => line));
    expect(new Set(rows.map(row => row.topic))).toEqual(new Set([topic]));
  });

  test('quarantine list --reason --limit selects and limits', async () => {
    const args = ['quarantine', 'list', '--db', db, '--json', '--reason', 'BAD_FIELD', '--limit', '2'];
    const wanted = rejected.filter(({ reason }) => reason === 'BAD_FIELD').slice(0, 2);
    const rows: { offset: number }[] = JSON.parse(await tidemarkDoneHere(args));
    expect(rows.map(({ offset }) => offset + 1)).toEqual(wanted.map(({ line }) => line));
  });

  test('the raw bytes of every line are kept, and shown (contract 2.11)', async () => {
    const kept = await queryDatabase(db, query => query('SELECT "offset", base64(value) FROM quarantine ORDER BY 1'));
    const wanted = rejected.map(({ line }) => [String(line - 1), lines[line - 1]?.toString('base64')]);
    expect(kept).toEqual(wanted);
    const { line } = rejected.find(({ reason }) => reason === 'MALFORMED')!;
    const show = ['quarantine', 'show', topic, String(line - 1), '--db', db];
    expect(JSON.parse(await tidemarkDoneHere([...show, '--json']))).toMatchObject([{ value_base64: wanted[0]?.[1] }]);
    expect(JSON.parse(await tidemarkDoneHere(show))).toMatchObject({ offset: line - 1, reason: 'MALFORMED' });
  });

  test('status shows read = applied + quarantined, and the counts by reason (contract 2.11)', async () => {
    const status = JSON.parse(await tidemarkDoneHere(['status', '--db', db, '--json']));
    const [{ records_read: recordsRead, applied, quarantined }] = status.partitions;
    expect(recordsRead).toBe(applied + quarantined);
    const counts = Object.fromEntries(
      status.quarantined.map(({ reason, records }: { reason: string; records: number }) => [reason, records]),
    );
    const wanted: Record<string, number> = {};
    for (const { reason = '' } of rejected) wanted[reason] = (wanted[reason] ?? 0) + 1;
    expect(counts).toEqual(wanted);
    expect((await tidemarkHere(['status', '--db', db])).stdout).toContain(topic);
  });
});
