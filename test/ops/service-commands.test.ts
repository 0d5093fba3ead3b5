import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ExportReport } from '../../connectors/http/export-report.ts';
import { goldenLines } from '../support/golden.ts';
import { type Served, serve } from '../support/serving.ts';
import { startTidemark, tidemark, tidemarkDone } from '../support/tidemark.ts';

const window = ['--time-from', '2014-01-01T00:00:00Z', '--time-to', '2015-01-01T00:00:00Z'];
const endless = ['--time-from', '2014-01-01T00:00:00Z', '--time-to', '2199-01-01T00:00:00Z', '--wait', 'complete'];

const lines = goldenLines('seed/events.ndjson');
const flags = (served: Served) => ['--db', served.db, '--export-root', served.root];
const listed = async (served: Served): Promise<readonly ExportReport[]> =>
  JSON.parse(await tidemarkDone(['exports', ...flags(served), '--json']));

describe('tidemark export', () => {
  test('prints the same through a running service as without one, and is listed with its verdict (contract 5.19, 5.20)', async () => {
    const served = await serve({ lines });
    const args = ['export', ...flags(served), ...window, '--file-prefix', 'day/x_', '--manifest'];
    const withStamp = (text: string) => text.replaceAll(/\d{8}_\d{6}_\d{3}/g, 'STAMP');
    const there = await tidemarkDone([...args, '--request-id', 'one']);
    const machine = JSON.parse(await tidemarkDone([...args, '--json']));
    for (const file of machine.paths) expect((await readFile(file)).length).toBeGreaterThanOrEqual(0);
    expect(await tidemarkDone([...args, '--request-id', 'one'])).toBe(there);
    await served.stop();
    const here = await tidemarkDone([...args, '--request-id', 'two']);
    // The last look is recorded as the service stops, so the verdict is the same without it (contract 4.22).
    expect(withStamp(here)).toBe(withStamp(there));
    expect(withStamp(there)).toContain(`in ${path.join(served.root, 'day')}, complete`);
    const [last] = await listed(served);
    expect([last?.request_id, last?.completeness, last?.changed_since]).toEqual(['two', 'complete', null]);
    const list = await tidemarkDone(['exports', ...flags(served)]);
    expect(list).toMatch(/^request .* completeness +rows +bytes$/m);
    expect(list).toMatch(/^two +completed .* complete +\d/m);
    expect(list).toMatch(/^one +completed .* complete +\d/m);
    expect(await tidemarkDone([...args, '--request-id', 'one'])).toBe(there);
  });

  test("ends with the service's error and its exit code", async () => {
    const served = await serve({ lines });
    const { code, stderr } = await tidemark([
      'export',
      ...flags(served),
      '--file-prefix',
      '../x',
      '--time-from',
      'now',
    ]);
    expect([code, stderr]).toEqual([64, expect.stringMatching(/time_from is "now".*file_prefix.*\[REQUEST_INVALID\]/)]);
  });

  test('that is interrupted cancels the export in the service', async () => {
    const served = await serve({ lines, settings: { export_wait_ms: 600_000 } });
    const { child, ended } = startTidemark(['export', ...flags(served), ...endless, '--file-prefix', 'x_']);
    await served.logged('"state":"running"');
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect([code, stderr]).toEqual([65, expect.stringContaining('CANCELLED')]);
    expect((await listed(served)).map(({ state, door, client }) => [state, door, client])).toEqual([
      ['cancelled', 'cli', 'command line'],
    ]);
  });
});

describe('tidemark exports and cancel', () => {
  test('ask the running service, and the file when none runs (contract 5.19)', async () => {
    const served = await serve({ lines, settings: { export_wait_ms: 600_000, exports_at_once: 1 } });
    for (const id of ['runs', 'waits', 'left'])
      await fetch(`${served.url}/genesys/1/cs/maintenance/services/files?${query(endless)}&file_prefix=x_`, {
        method: 'POST',
        headers: { prefer: 'respond-async', 'idempotency-key': id },
      });
    expect(await tidemarkDone(['cancel', 'waits', ...flags(served)])).toContain('export waits is cancelled');
    const again = await tidemark(['cancel', 'waits', ...flags(served)]);
    expect([again.code, again.stderr]).toEqual([65, expect.stringContaining('REQUEST_ENDED')]);
    const states = async () => (await listed(served)).map(({ request_id, state }) => `${request_id} ${state}`);
    // What waits for the log holds no place, so that both begin.
    await expect.poll(states).toEqual(['left running', 'waits cancelled', 'runs running']);
    expect(await tidemarkDone(['exports', ...flags(served), '--limit', '1'])).toMatch(/^left +running +anonymous/m);

    await served.stop();
    expect(await tidemarkDone(['cancel', 'left', ...flags(served)])).toContain('export left is cancelled');
    expect(await states()).toEqual(['left cancelled', 'waits cancelled', 'runs running']);
    for (const [id, code, told] of [
      ['left', 65, 'REQUEST_ENDED'],
      ['nobody', 66, 'REQUEST_UNKNOWN'],
    ] as const) {
      const { code: ended, stderr } = await tidemark(['cancel', id, ...flags(served)]);
      expect([ended, stderr]).toEqual([code, expect.stringContaining(told)]);
    }
    const hidden = await readdir(served.root);
    expect(hidden, 'the names of the export that runs again').toEqual([expect.stringMatching(/^\.tidemark-reserved-/)]);
  });
});

test('a command that asks the running service says which of its settings do not apply (contract 5.19)', async () => {
  const served = await serve({ lines });
  const elsewhere = path.join(served.folder, 'elsewhere');
  const args = ['--db', served.db, '--export-root', elsewhere];
  const exported = await tidemark(['export', ...args, '--threads', '3', ...window, '--file-prefix', 'x_']);
  const told = `in its export root ${served.root}; these of the command do not apply: `;
  expect(exported.stderr).toContain(`${told}--export-root ${JSON.stringify(elsewhere)}, --threads 3\n`);
  expect((await tidemark(['exports', ...args])).stderr).toContain(`${told}--export-root "${elsewhere}"\n`);
  expect((await tidemark(['cancel', 'nobody', ...args])).stderr).toContain(`${told}--export-root "${elsewhere}"\n`);
  const lateness = await tidemark(['partitions', '--db', served.db, '--clock-lateness-ms', '7']);
  expect(lateness.stderr).toContain(`${told}--clock-lateness-ms 7\n`);
  const same = await tidemark(['exports', ...flags(served)]);
  expect([same.code, same.stderr]).toEqual([0, '']);
});

test('the server file of a dead service is ignored', async () => {
  const served = await serve({ lines });
  await served.stop();
  await writeFile(`${served.db}.server.json`, JSON.stringify(served.note));
  expect(JSON.parse(await tidemarkDone(['status', '--db', served.db, '--json'])).source).toBeUndefined();
  await rm(`${served.db}.server.json`);
});

function query(args: readonly string[]): string {
  const pairs = args.flatMap((flag, at) =>
    flag.startsWith('--') ? [[flag.slice(2).replaceAll('-', '_'), args[at + 1]!] as [string, string]] : [],
  );
  return String(new URLSearchParams(pairs));
}
