/**
 * The lock that lets one process write a log. Method: claims are files `lock-<n>`, and the highest n rules.
 *
 * - A claim is written under a hidden name and appears by link(2): whole at once, and only one of many can make `lock-<n+1>`.
 * - Whoever finds the highest claim released, or its process dead, tries to make the next one; a claim is never
 *   overtaken by removing it first, so two who see the same dead claim cannot both win.
 * - The highest claim is never removed (a release empties it, which works on a full disk too), so numbers only grow. One
 *   who looked long ago may still succeed in making a number that was removed since; it looks again afterwards, sees a
 *   higher one and steps back.
 */
import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../../pipeline/errors.ts';
import { isAlive, type LockOwner, thisProcess } from './lock-owner.ts';

const CLAIM_NAME = /^lock-([0-9]{1,15})$/;
const HIDDEN_PREFIX = '.lock-';

export interface WriterLock {
  /** Lets the next writer in. */
  release(): Promise<void>;
}

/** Takes the lock of a log folder at once, or throws `LOG_LOCKED` naming the process that holds it. */
export async function lockForWriting(folder: string): Promise<WriterLock> {
  for (;;) {
    const highest = Math.max(0, ...(await listClaims(folder)));
    const owner = await readOwner(claimPath(folder, highest));
    if (owner !== null && (await isAlive(owner))) throw locked(folder, highest, owner);
    const mine = highest + 1;
    if (!(await claim(folder, mine))) continue;
    const claims = await listClaims(folder);
    if (Math.max(...claims) > mine) {
      await rm(claimPath(folder, mine), { force: true });
      continue;
    }
    await sweep(folder, mine);
    return { release: () => truncate(claimPath(folder, mine)) };
  }
}

async function claim(folder: string, number: number): Promise<boolean> {
  const hidden = path.join(folder, `${HIDDEN_PREFIX}${randomUUID()}`);
  await writeFile(hidden, `${JSON.stringify(await thisProcess())}\n`, { flag: 'wx' });
  try {
    await link(hidden, claimPath(folder, number));
    return true;
  } catch (error) {
    // ENOENT: a winner swept our hidden file away.
    if (hasSystemCode(error, 'EEXIST', 'ENOENT')) return false;
    throw error;
  } finally {
    await rm(hidden, { force: true });
  }
}

async function sweep(folder: string, mine: number): Promise<void> {
  const names = await readdir(folder);
  const old = names.filter(name => name.startsWith(HIDDEN_PREFIX) || numberOf(name) < mine);
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

/** Null for a claim that is released (empty), gone, or damaged: claims appear whole, so only a power cut damages one. */
async function readOwner(claimFile: string): Promise<LockOwner | null> {
  try {
    return decodeOwner(JSON.parse(await readFile(claimFile, 'utf8')));
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
  const elsewhere = `if it ran in a container on ${host} that is gone, remove ${claimPath(folder, number)}`;
  return new TidemarkError(
    'LOG_LOCKED',
    `the log ${folder} is being written by process ${pid}; ${allowed} (${elsewhere})`,
  );
}
