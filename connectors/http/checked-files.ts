import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../../pipeline/ports.ts';

/** Beyond this number the file that was hashed first is forgotten, and hashed again when it is asked for. */
const mostRemembered = 10_000;
/** A file that is changed twice within one tick of its file system's clock keeps its mtime; no tick is longer. */
const longestTickMs = 2_000;

/** The SHA-256 of files. Each is read once and then known by its device, inode, size and mtime. */
export class CheckedFiles {
  readonly #clock: Clock;
  readonly #hashes = new Map<string, Promise<string>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Size and SHA-256, in hex, of an open file; concurrent calls for one file share the reading. */
  async check(handle: FileHandle): Promise<{ readonly bytes: number; readonly sha256: string }> {
    const stats = await handle.stat({ bigint: true });
    const key = `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs}`;
    const sha256 = await (this.#hashes.get(key) ?? this.#read(key, stats, handle));
    return { bytes: Number(stats.size), sha256 };
  }

  async #read(key: string, { mtimeMs }: BigIntStats, handle: FileHandle): Promise<string> {
    const isSettled = this.#clock.now() - Number(mtimeMs) > longestTickMs;
    const reading = hashContent(handle);
    this.#hashes.set(key, reading);
    const oldest = this.#hashes.size > mostRemembered ? this.#hashes.keys().next() : null;
    if (oldest?.value !== undefined) this.#hashes.delete(oldest.value);
    let isKept = false;
    try {
      const sha256 = await reading;
      isKept = isSettled;
      return sha256;
    } finally {
      if (!isKept) this.#hashes.delete(key);
    }
  }
}

async function hashContent(handle: FileHandle): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of handle.createReadStream({ start: 0, autoClose: false })) hash.update(part as Buffer);
  return hash.digest('hex');
}
