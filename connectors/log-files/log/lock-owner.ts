import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { hasSystemCode } from '../../../pipeline/errors.ts';

/** Identifies a process, also after its number was reused. A field is empty where the system does not report it. */
export interface LockOwner {
  readonly pid: number;
  /** When the process started, in clock ticks since boot. */
  readonly started: string;
  readonly boot: string;
  /** The process namespace (a container has its own); a process number is only meaningful inside it. */
  readonly namespace: string;
  readonly host: string;
}

/** This process as the owner of a lock. */
export async function thisProcess(): Promise<LockOwner> {
  const [boot, namespace, own] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
    processStatus(process.pid),
  ]);
  return { pid: process.pid, started: own?.started ?? '', boot: boot.trim(), namespace, host: hostname() };
}

/**
 * Whether the owner still runs, decided without waiting. An owner from an earlier boot is dead, and so is one whose process
 * number belongs to another process now. A process in another container cannot be seen: it counts as alive, unless it had
 * the host name of this container, which means that it was this container before a restart. Machines must not share a
 * log: an owner on another machine has another boot id and would count as dead.
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

/** Fields of `/proc/<pid>/stat`; null where it cannot be read. Its second field, a name, may contain spaces and brackets. */
async function processStatus(pid: number): Promise<{ started: string; hasEnded: boolean } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const started = fields[19];
  // A killed process stays listed, in state Z, until its parent has collected its exit code.
  return started === undefined ? null : { started, hasEnded: fields[0] === 'Z' || fields[0] === 'X' };
}
