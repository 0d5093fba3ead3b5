import { statfsSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const inMemory = '/dev/shm';
/** The files of the tests need less than 1 GB at a time; the rest is room for their processes. */
const leastRoom = { folderBytes: 4 * 1024 ** 3, memoryBytes: 8 * 1024 ** 3 };

/**
 * In memory where that is large enough, because the tests make hundreds of databases and would wait for the disk to make each
 * of their transactions durable. `TMPDIR` names another place; the soak lane needs more room and stays on the disk.
 */
const place =
  process.env.TMPDIR === undefined && process.env.SOAK === undefined && hasRoomInMemory() ? inMemory : tmpdir();

function hasRoomInMemory(): boolean {
  try {
    const { bavail, bsize } = statfsSync(inMemory);
    return bavail * bsize >= leastRoom.folderBytes && process.availableMemory() >= leastRoom.memoryBytes;
  } catch {
    return false;
  }
}

/** A fresh folder, real path, and how to take it away with all that is in it. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = await realpath(await mkdtemp(path.join(place, 'tidemark-test-')));
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
