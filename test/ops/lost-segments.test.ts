import { rm } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { commandsInFolder, day, started } from '../support/daily-files.ts';
import { records, segmentFiles } from '../support/log-files.ts';

const { run, attempt, pathOf, exportWindow } = commandsInFolder();

describe('a log folder whose first segments were deleted', () => {
  const append = async (...events: readonly string[]): Promise<string> => {
    const writer = await openLogWriter({ root: pathOf('log'), topic: 'calls', partition: 0, segmentBytes: 1 });
    for (const event of events) await writer.append(records(event));
    await writer.close();
    return writer.path;
  };
  const deleteFirst = async (log: string, count: number): Promise<void> => {
    for (const file of (await segmentFiles(log)).slice(0, count)) await rm(file);
  };
  const events = [1, 2, 3].map(of => started(`s${of}`, `2026-01-0${of}T10:00:00Z`));

  test('before they were read: ingest stops, or records the gap (contract 2.15, 4.32)', async () => {
    await append(events[0]!, started('late', '2026-01-01T23:50:00Z'));
    await run('ingest', 'log');
    const log = await append(...events.slice(1));
    await deleteFirst(log, 3);
    expect(await attempt('ingest', 'log')).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(/the next offset to read is 2, but the log now begins at 3; .* \[RECORDS_LOST\]/),
    });
    expect(await exportWindow(day(1), '2026-01-01T23:50:00Z'), 'what it had given stays given').toMatchObject({
      status: 'complete',
    });
    const skipped = await attempt('ingest', 'log', '--kafka-on-lost-records', 'skip');
    expect(skipped).toMatchObject({ code: 0, stderr: expect.stringMatching(/1 records from offset 2 on were lost/) });
    expect(await exportWindow(day(2), day(3))).toMatchObject({
      status: 'provisional',
      reasons: [expect.stringMatching(/^calls@[0-9a-f]{12}\/0: 1 offsets from 2 on were lost/)],
      partitions: [{ next_offset: 4, gaps: [{ from: 2, to: 3 }] }],
    });
    expect(JSON.parse(await run('ingest', 'log', '--json'))).toMatchObject({ records_read: 0 });
  });

  test('before it was first given: its beginning is unknown (contract 4.31)', async () => {
    const log = await append(...events);
    await deleteFirst(log, 1);
    await run('ingest', 'log');
    expect(await exportWindow(day(1), day(2))).toMatchObject({
      status: 'provisional',
      reasons: [expect.stringMatching(/^calls@[0-9a-f]{12}\/0: its first reading began at 1, so earlier events may/)],
      partitions: [{ first_offset: 1, next_offset: 3, gaps: [] }],
    });
  });
});
