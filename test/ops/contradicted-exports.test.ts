import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { commandsInFolder, completed, day, started } from '../support/daily-files.ts';

const { run, attempt, pathOf, write, writeDays, exportWindow, exportReports } = commandsInFolder();

describe('a complete export that later events contradict (contract 4.29, 4.30)', () => {
  test('is listed by ingest and says so from then on, and its files stay', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    await exportWindow(day(1), day(2), '--request-id', 'first-day');
    await write('late.ndjson', started('late', '2026-01-01T11:00:00Z'), started('next', '2026-01-02T11:00:00Z'));
    const { stdout, stderr } = await attempt('ingest', 'late.ndjson');
    expect(stdout).toContain('2 records read');
    expect(stderr).toContain(
      'export first-day of 2026-01-01T00:00:00.000Z to 2026-01-02T00:00:00.000Z was complete and is contradicted: 1 services',
    );
    const [report] = await exportReports();
    expect(report).toMatchObject({
      completeness: 'complete',
      changed_since: { topic: expect.stringMatching(/^file-/), partition: 0, offset: 0, services: 1 },
    });
    expect(await run('exports')).toContain('complete, changed since ');
  });

  test('is listed as JSON, and services add up batch by batch', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    await exportWindow(day(1), day(2), '--request-id', 'first-day');
    await write('late.ndjson', ...[1, 2, 3].map(number => started(`late-${number}`, '2026-01-01T11:00:00Z')));
    const lines = (await run('ingest', 'late.ndjson', '--batch-records', '2', '--json')).trim().split('\n');
    expect(JSON.parse(lines.at(-1)!)).toEqual({
      contradicted_exports: [
        {
          request_id: 'first-day',
          file_prefix: 'x_',
          time_from: '2026-01-01T00:00:00.000Z',
          time_to: '2026-01-02T00:00:00.000Z',
          completeness: 'complete',
          changed_since: expect.objectContaining({ offset: 0, services: 3 }),
        },
      ],
    });
  });

  test('is not contradicted by later states, tasks and ends', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    await exportWindow(day(1), day(2));
    await write(
      'd3.ndjson',
      completed('a', '2026-01-03T10:00:00Z'),
      JSON.stringify({ event: 'state.started', service_id: 'a', state_id: 's', timestamp: '2026-01-03T10:00:00Z' }),
    );
    await run('ingest', 'd3.ndjson');
    expect(await exportReports()).toMatchObject([{ completeness: 'complete', changed_since: null }]);
  });

  test('is listed also when ingest fails after it has stored events', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    await exportWindow(day(1), day(2), '--request-id', 'first-day');
    const packed = gzipSync(`${started('late', '2026-01-01T11:00:00Z')}\n`.repeat(20_000));
    await writeFile(pathOf('cut.ndjson.gz'), packed.subarray(0, packed.length - 20));
    const { code, stderr } = await attempt('ingest', 'cut.ndjson.gz');
    expect([code, stderr]).toEqual([65, expect.stringMatching(/export first-day .* is contradicted.*SOURCE_CORRUPT/s)]);
  });

  test('a provisional one is not watched', async () => {
    await writeDays();
    await run('ingest', 'd1.ndjson', 'd2.ndjson');
    await exportWindow(day(2), day(3));
    await write('late.ndjson', started('late', '2026-01-02T11:00:00Z'));
    await run('ingest', 'late.ndjson');
    expect(await exportReports()).toMatchObject([{ completeness: 'provisional', changed_since: null }]);
  });
});
