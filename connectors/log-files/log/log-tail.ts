import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { syncFolder } from '../../disk.ts';
import { listSegments, segmentName } from './log-folder.ts';
import { identityLost, logFolderName, makeIdentity, readIdentity } from './log-identity.ts';
import { damaged, SegmentReader } from './segment-reader.ts';

/** The incomplete batch that was cut off the last segment when the log was opened for writing. */
export interface CutTail {
  readonly file: string;
  /** Position of the first byte cut. */
  readonly position: number;
  readonly bytes: number;
}

/** The last segment of a log, open for appending. */
interface OpenedTail {
  readonly handle: FileHandle;
  readonly size: number;
  readonly nextOffset: number;
  readonly cut: CutTail | null;
}

/**
 * Opens the last segment for appending and cuts an incomplete batch off its end; a new log gets its identity and its first
 * segment. Only the holder of the folder's lock may call this. Throws `SOURCE_CORRUPT` for a bad batch before a good one.
 */
export async function openTail(folder: string, topic: string, partition: number): Promise<OpenedTail> {
  const segments = await listSegments(folder);
  await establishIdentity({ folder, topic, partition, isNew: segments.length === 0 });
  const last = segments.at(-1);
  const file = last?.path ?? path.join(folder, segmentName(0));
  const handle = await open(file, last === undefined ? 'wx+' : 'r+');
  try {
    if (last === undefined) await syncFolder(folder);
    return {
      handle,
      ...(await cutIncompleteBatch({ handle, file, size: last?.size ?? 0, base: last?.baseOffset ?? 0 })),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface LastSegment {
  readonly handle: FileHandle;
  readonly file: string;
  readonly size: number;
  readonly base: number;
}

async function cutIncompleteBatch({ handle, file, size, base }: LastSegment): Promise<Omit<OpenedTail, 'handle'>> {
  const reader = new SegmentReader({ handle, size, at: 0, nextOffset: base });
  while ((await reader.next()) !== null);
  const { at, nextOffset } = reader;
  if (reader.isAtEnd) return { size, nextOffset, cut: null };
  const after = await reader.goodBatchAfter();
  if (after !== null)
    throw damaged(file, at, `the batch there cannot be read, and a good one follows at byte ${after}`);
  await handle.truncate(at);
  await handle.sync();
  return { size: at, nextOffset, cut: { file, position: at, bytes: size - at } };
}

interface TailOptions {
  readonly folder: string;
  readonly topic: string;
  readonly partition: number;
  readonly isNew: boolean;
}

async function establishIdentity({ folder, topic, partition, isNew }: TailOptions): Promise<void> {
  const identity = await readIdentity(folder);
  if (identity === null && isNew) {
    await makeIdentity(folder, topic, partition);
    return;
  }
  if (identity === null) throw identityLost(folder);
  if (identity.topic === topic && identity.partition === partition) return;
  // Records appended to a copy would have the same identity and offsets as other records in the original.
  const original = logFolderName(identity.topic, identity.partition);
  throw new TidemarkError(
    'SOURCE_CORRUPT',
    `${folder} is a copy of the log ${original}; only ${original} may be written`,
  );
}
