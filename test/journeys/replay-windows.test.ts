import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import { callBatch } from '../bench/call-batch.ts';
import { drawExport } from '../support/drawn-exports.ts';
import { goldenLines } from '../support/golden.ts';
import { chosenSeed, seededRandom } from '../support/random.ts';
import { verifyingInFolder } from '../support/verifying.ts';

const { run, pathOf, verify } = verifyingInFolder();
const seed = chosenSeed();
/** A round has 20,000 events of calls. */
const { rounds, windows } = process.env.SOAK ? { rounds: 100, windows: 200 } : { rounds: 1, windows: 5 };
/** Events of all kinds, and records that cannot be decoded. */
const others = [...goldenLines('messy/events.ndjson'), ...goldenLines('rejects/events.ndjson')];
const begin = Date.parse('2026-03-01T00:00:00Z');
const monthMs = 31 * 86_400_000;

/**
 * Writes calls of a whole month, every round into one of two partitions, and among those of the first one events of all kinds,
 * some of which cannot be decoded. Only one round is in memory. Returns how many records were written.
 */
async function writeLog(root: string): Promise<number> {
  const writers = await Promise.all([0, 1].map(partition => openLogWriter({ root, topic: 'calls', partition })));
  let count = 0;
  for (let round = 0; round < rounds; round += 1) {
    const startMs = begin + (round / rounds) * monthMs;
    const calls = callBatch({ prefix: 'call', round, startMs, stepMs: monthMs / rounds / 20_000 });
    const size = Math.ceil(others.length / rounds);
    const some = round % 2 === 0 ? others.slice(round * size, (round + 2) * size) : [];
    const values = [...calls, ...some];
    count += values.length;
    await writers[round % 2]!.append(values.map(value => ({ timestamp: startMs, key: null, value })));
  }
  await Promise.all(writers.map(writer => writer.close()));
  return count;
}

/** What the log alone decides of an export. */
function factsOf({ files, partitions, status }: Manifest) {
  return {
    files: files.map(({ name, kind, rows, columns, sha256, packed_sha256: packed }) => {
      // An archive holds the name of its file, which says when it was made.
      return { kind, rows, columns, sha256, packed: name.endsWith('.zip') ? null : packed };
    }),
    partitions: partitions.map(({ topic, partition, next_offset: next, quarantined, last_record: last, watermark }) => {
      return { topic, partition, next, quarantined, last, watermark };
    }),
    status,
  };
}

test(`${windows} drawn windows of a generated log: live export = replay export = verify, all verified in one pass (contract 5.22, 5.23, seed ${seed})`, {
  timeout: 1_800_000,
}, async () => {
  const random = seededRandom(seed);
  const count = await writeLog(pathOf('log'));
  await run('ingest', 'log', '--db', 'live.duckdb');
  const replayed = JSON.parse(await run('replay', 'log', '--into', 'replayed.duckdb', '--json'));
  expect(replayed.records_read).toBe(count);
  expect(replayed.quarantined, 'some records cannot be decoded').toBeGreaterThan(0);
  const exported = async (db: string, prefix: string, form: readonly string[]): Promise<Manifest> =>
    JSON.parse(
      await run(
        ...['export', '--db', db, '--export-root', 'out', '--file-prefix', prefix],
        ...['--manifest', '--json', ...form],
      ),
    );
  let rows = 0;
  for (let at = 0; at < windows; at += 1) {
    const form = drawExport(random, { begin, longestHours: 12 });
    const live = await exported('live.duckdb', `live/${at}_`, form);
    const again = await exported('replayed.duckdb', `again/${at}_`, form);
    expect(factsOf(again), `${form.join(' ')}, seed ${seed}`).toEqual(factsOf(live));
    await rm(pathOf('out/again'), { recursive: true });
    rows += live.files.reduce((sum, file) => sum + file.rows, 0);
  }
  expect(rows, 'the windows are not empty').toBeGreaterThan(windows);
  const names = (await readdir(pathOf('out/live'))).filter(name => name.endsWith('_manifest.json'));
  const manifests = names.map(name => path.join('out/live', name));
  const { code, told } = await verify(...manifests, '--log', 'log');
  expect(
    told.filter(({ answer }) => answer !== 'verified'),
    `seed ${seed}`,
  ).toEqual([]);
  expect([code, told.length]).toEqual([0, windows]);
});
