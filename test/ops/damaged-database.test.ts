import { open, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { tidemarkDoneHere, tidemarkHere } from '../support/in-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The headers of a DuckDB file, which opening it checks, and the size of a block. */
const headerBytes = 3 * 4_096;
const blockBytes = 262_144;

let db: string;
let root: string;
beforeEach(async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  db = path.join(folder.path, 'calls.duckdb');
  root = path.join(folder.path, 'out');
  const lines = Array.from({ length: 30_000 }, (_, index) =>
    JSON.stringify({
      ...{ event: 'service.started', service_id: `service-${index}-${(index * 7_919) % 104_729}` },
      ...{ timestamp: new Date(Date.UTC(2026, 2, 1) + index * 1_000).toISOString(), contact_key: `${index * 31}` },
    }),
  );
  const file = path.join(folder.path, 'events.ndjson');
  await writeFile(file, `${lines.join('\n')}\n`);
  await tidemarkDoneHere(['ingest', file, '--db', db]);
});

/** Flips a byte in the middle of each block but the last ones, which hold the list of tables. */
async function damage(): Promise<void> {
  const { size } = await stat(db);
  const file = await open(db, 'r+');
  try {
    for (let at = headerBytes + blockBytes / 2; at < size - 3 * blockBytes; at += blockBytes) {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
      await file.write(Buffer.from([buffer[0]! ^ 0xff]), 0, 1, at);
    }
  } finally {
    await file.close();
  }
}

test.each([
  [
    'an export',
    () => ['export', '--db', db, '--export-root', root, '--file-prefix', 'x_', '--time-from', '2026-03-01T00:00:00Z'],
  ],
  ['status', () => ['status', '--db', db]],
])('damage that %s finds in the database ends with exit code 70 and one line, not as a bug', async (_, args) => {
  await damage();
  const { code, stderr } = await tidemarkHere(args());
  expect(stderr).toMatch(
    /^tidemark: could not .*the database is damaged; keep the file and its \.wal.*\[WAREHOUSE_BROKEN\]\n$/s,
  );
  expect([code, stderr.split('\n').length]).toEqual([70, 2]);
});
