import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { hasSystemCode } from '../../../pipeline/errors.ts';

/** A process, told apart from a later one that got the same number. Empty strings where the system does not tell. */
export interface LockOwner {
  readonly pid: number;
  /** Start of the process in clock ticks since boot. */
  readonly started: string;
  readonly boot: string;
  /** Numbers mean nothing outside of their process namespace (a container). */
  readonly namespace: string;
  readonly host: string;
}

export async function thisProcess(): Promise<LockOwner> {
  const [boot, namespace, own] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
    processStatus(process.pid),
  ]);
  return { pid: process.pid, started: own?.started ?? '', boot: boot.trim(), namespace, host: hostname() };
}

/**
 * Whether the owner still runs. Told at once and without waiting: another boot or a number that was given away since
 * means dead. An owner in another container cannot be seen: it counts as alive, unless it bore our host name, which
 * means that it was this container before a restart. Logs must not be shared between machines: their boots differ.
 */
export async function isAlive(owner: LockOwner): Promise<boolean> {
  const here = await thisProcess();
  if (owner.boot !== here.boot) return false;
  if (owner.namespace !== here.namespace) return owner.host !== here.host;
  if (!exists(owner.pid)) return false;
  const status = await processStatus(owner.pid);
  if (status === null || owner.started === '') return true;
  return status.started === owner.started && !status.hasEnded;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return !hasSystemCode(error, 'ESRCH');
  }
}

/** Fields of `/proc/<pid>/stat`; null where it cannot be read. Its second field, a name, may hold spaces and brackets. */
async function processStatus(pid: number): Promise<{ started: string; hasEnded: boolean } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const started = fields[19];
  // A killed process whose parent has not looked yet is still listed, as Z.
  return started === undefined ? null : { started, hasEnded: fields[0] === 'Z' || fields[0] === 'X' };
}
