/**
 * The lock that lets only one process write a log. A claim is a file `lock-<n>` that names its process; the claim with the
 * highest n holds the lock.
 *
 * - A claim is written under a hidden name and then linked to its name with link(2). So it appears complete, and of several
 *   processes only one can make `lock-<n+1>`.
 * - A process that finds the highest claim released, or its owner dead, tries to make the next claim. It does not remove the
 *   old claim first, so two processes that see the same dead owner cannot both get the lock.
 * - The highest claim is never removed, so numbers only grow. A release empties it, which works on a full disk too. A slow
 *   process may still make a claim whose number was used and removed since it looked; it looks again afterwards, finds a
 *   higher claim, and removes its own.
 */
import { randomUUID } from 'node:crypto';
import { link, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../../pipeline/errors.ts';
import { diskFailure } from '../../disk.ts';
import { readSmallFile } from '../../small-files.ts';
import { isAlive, type LockOwner, thisProcess } from './lock-owner.ts';

const CLAIM_NAME = /^lock-([0-9]{1,15})$/;
const HIDDEN_PREFIX = '.lock-';

export interface WriterLock {
  /** Releases the lock for the next writer. */
  release(): Promise<void>;
}

/** Takes the lock of a log folder without waiting. Throws `LOG_LOCKED` with the process that holds it. */
export async function lockForWriting(folder: string): Promise<WriterLock> {
  for (;;) {
    const highest = Math.max(0, ...(await listClaims(folder)));
    const owner = await readOwner(claimPath(folder, highest));
    if (owner !== null && (await isAlive(owner))) throw locked(folder, highest, owner);
    const own = highest + 1;
    if (!(await claim(folder, own))) continue;
    const claims = await listClaims(folder);
    if (Math.max(...claims) > own) {
      await rm(claimPath(folder, own), { force: true });
      continue;
    }
    await sweep(folder, own);
    return { release: () => truncate(claimPath(folder, own)) };
  }
}

async function claim(folder: string, number: number): Promise<boolean> {
  const hidden = path.join(folder, `${HIDDEN_PREFIX}${randomUUID()}`);
  try {
    await writeFile(hidden, `${JSON.stringify(await thisProcess())}\n`, { flag: 'wx' });
    await link(hidden, claimPath(folder, number));
    return true;
  } catch (error) {
    // ENOENT: the process that made the claim has removed this hidden file.
    if (hasSystemCode(error, 'EEXIST', 'ENOENT')) return false;
    throw diskFailure(error, `write ${claimPath(folder, number)}`, 'NOT_WRITABLE');
  } finally {
    await rm(hidden, { force: true });
  }
}

/** Removes hidden files and claims below `own`. */
async function sweep(folder: string, own: number): Promise<void> {
  const names = await readdir(folder);
  const old = names.filter(name => name.startsWith(HIDDEN_PREFIX) || numberOf(name) < own);
  await Promise.all(old.map(name => rm(path.join(folder, name), { force: true })));
}

async function listClaims(folder: string): Promise<readonly number[]> {
  return (await readdir(folder)).map(numberOf).filter(number => Number.isFinite(number));
}

function numberOf(name: string): number {
  return Number(CLAIM_NAME.exec(name)?.[1] ?? Number.POSITIVE_INFINITY);
}

function claimPath(folder: string, number: number): string {
  return path.join(folder, `lock-${number}`);
}

/** Null for a claim that is released (empty), gone or damaged. A claim appears complete, so only a power cut can damage it. */
async function readOwner(claimFile: string): Promise<LockOwner | null> {
  try {
    return decodeOwner(JSON.parse(await readSmallFile(claimFile)));
  } catch (error) {
    if (error instanceof SyntaxError || hasSystemCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function decodeOwner(claim: unknown): LockOwner | null {
  const { pid, started, boot, namespace, host } = (claim ?? {}) as Partial<Record<string, unknown>>;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  return { pid, started: String(started), boot: String(boot), namespace: String(namespace), host: String(host) };
}

function locked(folder: string, number: number, { pid, host }: LockOwner): TidemarkError {
  const allowed = 'one writer at a time is allowed; stop it first';
  const inContainer = `if it ran in a container on ${host} that no longer exists, remove ${claimPath(folder, number)}`;
  return new TidemarkError(
    'LOG_LOCKED',
    `the log ${folder} is being written by process ${pid}; ${allowed} (${inContainer})`,
  );
}
