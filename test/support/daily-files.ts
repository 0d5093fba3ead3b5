import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, onTestFinished } from 'vitest';
import type { ExportReport } from '../../connectors/http/export-report.ts';
import type { ListedPartition } from '../../ops/service/partition-list.ts';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import { tidemarkDoneHere, tidemarkHere } from './in-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { tidemarkDone } from './tidemark.ts';

export const day = (number: number): string => `2026-01-0${number}T00:00:00Z`;
export const started = (id: string, timestamp: string): string =>
  JSON.stringify({ event: 'service.started', service_id: id, timestamp });
export const completed = (id: string, timestamp: string): string =>
  JSON.stringify({ event: 'service.completed', service_id: id, timestamp });

/** Runs commands in a folder of its own for each test, with the database that is the default there. */
export function commandsInFolder() {
  let folder = '';
  beforeEach(async () => {
    const made = await temporaryFolder();
    onTestFinished(made.remove);
    folder = made.path;
  });
  const run = (...args: readonly string[]) => tidemarkDoneHere(args, { cwd: folder });
  const write = (name: string, ...lines: readonly string[]) =>
    writeFile(path.join(folder, name), lines.map(line => `${line}\n`).join(''));
  return {
    pathOf: (name: string) => path.join(folder, name),
    /** Must succeed; returns standard output. */
    run,
    attempt: (...args: readonly string[]) => tidemarkHere(args, { cwd: folder }),
    /** Runs with these bytes on standard input. */
    pipe: (input: string, ...args: readonly string[]) => tidemarkDone(args, { cwd: folder, input }),
    /** Writes a file of lines. */
    write,
    /** Two daily files; a service begins in the first and ends in the second. */
    async writeDays(): Promise<void> {
      await write('d1.ndjson', started('a', '2026-01-01T10:00:00Z'), started('m', '2026-01-01T23:50:00Z'));
      await write('d2.ndjson', completed('m', '2026-01-02T00:10:00Z'), started('b', '2026-01-02T23:30:00Z'));
    },
    /** The manifest of an export of one window. */
    async exportWindow(from: string, to: string, ...more: readonly string[]): Promise<Manifest> {
      const window = ['--time-from', from, '--time-to', to, '--file-prefix', 'x_'];
      return JSON.parse(await run('export', ...window, '--json', ...more));
    },
    async exportReports(): Promise<readonly ExportReport[]> {
      return JSON.parse(await run('exports', '--json'));
    },
    async partitions(): Promise<readonly ListedPartition[]> {
      return JSON.parse(await run('partitions', '--json'));
    },
  };
}
