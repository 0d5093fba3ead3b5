import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../../pipeline/errors.ts';
import type { PartitionId } from '../../../pipeline/ports.ts';
import { readFailure } from '../../disk.ts';
import { identityLost, type LogIdentity, readIdentity } from './log-identity.ts';

const SEGMENT_NAME = /^([0-9]{20})\.segment$/;

/** One segment file; its name is the offset of its first record. */
export interface Segment {
  readonly path: string;
  readonly baseOffset: number;
  /** Bytes it held when it was listed. */
  readonly size: number;
}

/** One log as it was on disk when it was listed. */
export interface LogFolder {
  readonly path: string;
  readonly identity: LogIdentity;
  readonly partition: PartitionId;
  readonly segments: readonly Segment[];
}

/** Name of the segment file whose first record has this offset. */
export function segmentName(baseOffset: number): string {
  return `${String(baseOffset).padStart(20, '0')}.segment`;
}

/** The segments of a log folder in offset order. */
export async function listSegments(folder: string): Promise<readonly Segment[]> {
  const names = (await readdir(folder)).filter(name => SEGMENT_NAME.test(name)).toSorted();
  return Promise.all(
    names.map(async name => {
      const file = path.join(folder, name);
      return { path: file, baseOffset: Number.parseInt(name, 10), size: (await stat(file)).size };
    }),
  );
}

/**
 * The logs under `root`, which is a log root or the folder of one log, sorted by topic and partition. A log without a
 * segment has never held a record and is left out; each returned log has at least one segment. Throws `SOURCE_MISSING` when
 * there is no log, `SOURCE_CORRUPT` when a folder has lost its identity file or two folders are copies of one log.
 */
export async function findLogs(root: string): Promise<readonly LogFolder[]> {
  const logs = (await findFolders(root)).toSorted(
    (a, b) => compare(a.identity.topic, b.identity.topic) || a.identity.partition - b.identity.partition,
  );
  if (logs.length === 0) {
    const allowed = 'allowed are the folder of one log (<topic>-<partition>) and a folder that holds such folders';
    throw new TidemarkError('SOURCE_MISSING', `${root} holds no event log; ${allowed}`);
  }
  const byId = new Map<string, string>();
  for (const { path: folder, identity } of logs) {
    const twin = byId.get(identity.id);
    if (twin !== undefined) {
      const problem = `${twin} and ${folder} are copies of one log (${identity.id})`;
      throw new TidemarkError('SOURCE_CORRUPT', `${problem}: its records would be read twice; move one of them away`);
    }
    byId.set(identity.id, folder);
  }
  return logs.filter(log => log.segments.length > 0);
}

async function findFolders(root: string): Promise<LogFolder[]> {
  try {
    const own = await openFolder(root);
    if (own !== null) return [own];
    const entries = await readdir(root, { withFileTypes: true });
    const folders = entries.filter(entry => entry.isDirectory() || entry.isSymbolicLink());
    const opened = await Promise.all(folders.map(entry => openFolder(path.join(root, entry.name))));
    return opened.filter(log => log !== null);
  } catch (error) {
    throw readFailure(error, root);
  }
}

async function openFolder(folder: string): Promise<LogFolder | null> {
  const identity = await readIdentity(folder);
  const segments = await listSegments(folder).catch((error: unknown) => {
    if (identity === null && hasSystemCode(error, 'ENOTDIR', 'ENOENT')) return [];
    throw error;
  });
  if (identity === null) {
    if (segments.length === 0) return null;
    throw identityLost(folder);
  }
  return { path: folder, identity, partition: partitionOf(identity), segments };
}

/** The log's id is part of the topic, so that the positions of two logs with one topic name are not confused. */
function partitionOf({ topic, partition, id }: LogIdentity): PartitionId {
  return { topic: `${topic}@${id.replaceAll('-', '').slice(0, 12)}`, partition };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
