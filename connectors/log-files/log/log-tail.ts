import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { syncFolder } from '../../disk.ts';
import { damaged } from './damage.ts';
import { listSegments, segmentName } from './log-folder.ts';
import { makeIdentity, readIdentity } from './log-identity.ts';
import { SegmentReader } from './segment-reader.ts';

/** What was cut off the last segment when the log was opened for writing. */
export interface CutTail {
  readonly file: string;
  /** Position of the first byte cut. */
  readonly position: number;
  readonly bytes: number;
}

/** The end of a log, ready to be appended to. */
interface OpenedTail {
  readonly handle: FileHandle;
  readonly size: number;
  readonly nextOffset: number;
  readonly cut: CutTail | null;
}

/**
 * Opens the last segment for appending and cuts a torn batch off its end; a new log gets its identity and first segment.
 * Only the holder of the folder's lock may call it. Throws `SOURCE_CORRUPT` for damage that is no torn tail.
 */
export async function openTail(folder: string, topic: string, partition: number): Promise<OpenedTail> {
  const segments = await listSegments(folder);
  await establishIdentity({ folder, topic, partition, isNew: segments.length === 0 });
  const last = segments.at(-1);
  const file = last?.path ?? path.join(folder, segmentName(0));
  const handle = await open(file, last === undefined ? 'wx+' : 'r+');
  try {
    if (last === undefined) await syncFolder(folder);
    return { handle, ...(await cutTornBatch({ handle, file, size: last?.size ?? 0, base: last?.baseOffset ?? 0 })) };
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

async function cutTornBatch({ handle, file, size, base }: LastSegment): Promise<Omit<OpenedTail, 'handle'>> {
  const reader = new SegmentReader({ handle, size, at: 0, nextOffset: base });
  while ((await reader.next()) !== null);
  const { at, nextOffset } = reader;
  if (reader.isAtEnd) return { size, nextOffset, cut: null };
  const behind = await reader.goodBatchBehind();
  if (behind !== null) throw damaged(file, at, `a good batch follows at byte ${behind}, so this is no torn end`);
  await handle.truncate(at);
  await handle.sync();
  return { size: at, nextOffset, cut: { file, position: at, bytes: size - at } };
}

interface Claimed {
  readonly folder: string;
  readonly topic: string;
  readonly partition: number;
  readonly isNew: boolean;
}

async function establishIdentity({ folder, topic, partition, isNew }: Claimed): Promise<void> {
  const identity = await readIdentity(folder);
  if (identity === null && isNew) {
    await makeIdentity(folder, topic, partition);
    return;
  }
  if (identity === null) {
    throw new TidemarkError('SOURCE_CORRUPT', `${folder} holds segments of a log but not its identity file log.json`);
  }
  if (identity.topic === topic && identity.partition === partition) return;
  // Written on, a copy would share its identity with the original and hold other records under the same offsets.
  const original = `${identity.topic}-${identity.partition}`;
  throw new TidemarkError(
    'SOURCE_CORRUPT',
    `${folder} is a copy of the log ${original}; only ${original} may be written`,
  );
}
