import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { logDirectorySource } from '../../connectors/log-files/log-directory-source.ts';
import type { NewRecord } from '../../pipeline/ports.ts';
import { readToEnd } from './reading.ts';

/** Records whose values are the texts. */
export function records(...values: readonly string[]): readonly NewRecord[] {
  return values.map(value => ({ timestamp: null, key: null, value: Buffer.from(value) }));
}

/** The values of all logs under a path as texts, and what ended the reading early. */
export async function readValues(
  root: string,
): Promise<{ readonly values: readonly string[]; readonly failure: unknown }> {
  const source = logDirectorySource({ path: root, kind: 'folder', batchRecords: 1_000, batchBytes: 1_000_000 });
  const { records: read, failure } = await readToEnd(source);
  return { values: read.map(({ value }) => Buffer.from(value ?? []).toString()), failure };
}

/** Segment files of a log, in order. */
export async function segmentFiles(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder)).filter(name => name.endsWith('.segment')).toSorted();
  return names.map(name => path.join(folder, name));
}
