import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import type { startTidemark } from './tidemark.ts';

const deadlineMs = 60_000;

/**
 * Kills a command with SIGKILL as soon as something holds, looking each millisecond; tells whether it was still running.
 * Throws when it neither comes to hold within a minute nor the command ends.
 */
export async function killWhen(
  { child, ended }: ReturnType<typeof startTidemark>,
  what: string,
  holds: () => boolean,
): Promise<boolean> {
  const began = performance.now();
  let isLate = false;
  while (child.exitCode === null && !isLate && !holds()) {
    await after(1);
    isLate = performance.now() - began > deadlineMs;
  }
  child.kill('SIGKILL');
  const { code, signal, stderr } = await ended;
  if (isLate) throw new Error(`waited ${deadlineMs} ms without success for ${what}: ${stderr}`);
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the command ended with ${code} before ${what}: ${stderr}`);
  return signal === 'SIGKILL';
}

/** The size of each file in a folder and below it, by its path in the folder. */
export function fileSizes(folder: string): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const name of namesIn(folder)) {
    const stats = statSync(path.join(folder, name), { throwIfNoEntry: false });
    if (stats?.isFile()) sizes.set(name, stats.size);
  }
  return sizes;
}

/** None where the folder, or one below it, went away meanwhile. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true }).map(String);
  } catch {
    return [];
  }
}
