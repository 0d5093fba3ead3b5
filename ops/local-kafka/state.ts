import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../../connectors/disk.ts';
import { readSmallFile, writeSmallFile } from '../../connectors/small-files.ts';
import { waitFor } from './waiting.ts';

/** The folder of the local Kafka: state, records and schemas. */
export const localFolder = '.tidemark-kafka';

export interface Server {
  readonly pid: number;
  readonly port: number;
}

/** The servers of the last `kafka:up`, running or not. */
export interface LocalState {
  readonly kafka: Server | null;
  readonly registry: Server | null;
}

/** Null where there is no state that can be used. A server that still runs then refuses a second one on its folder. */
export async function readState(folder: string): Promise<LocalState | null> {
  try {
    return decodeState(JSON.parse(await readSmallFile(stateFile(folder))));
  } catch {
    return null;
  }
}

function decodeState(content: unknown): LocalState {
  const { kafka, registry } = content as Partial<Record<keyof LocalState, unknown>>;
  return { kafka: decodeServer(kafka), registry: decodeServer(registry) };
}

function decodeServer(content: unknown): Server | null {
  const { pid, port } = (content ?? {}) as Partial<Record<keyof Server, unknown>>;
  return typeof pid === 'number' && typeof port === 'number' ? { pid, port } : null;
}

export async function writeState(folder: string, state: LocalState): Promise<void> {
  await makeFolder(folder);
  await writeSmallFile(stateFile(folder), `${JSON.stringify(state, null, 2)}\n`);
}

function stateFile(folder: string): string {
  return path.join(folder, 'state.json');
}

/** An argument on a server's command line, by which it is distinguished from a later process with the same process id. */
export function markOf(folder: string): string {
  return `-Dlocal.kafka.folder=${path.resolve(folder)}`;
}

/** True when the process is the server of this folder. */
export async function isRunning({ pid }: Server, folder: string): Promise<boolean> {
  const listed = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).catch(() => null);
  return listed?.stdout.includes(`${markOf(folder)} `) ?? false;
}

/** Stops the server of a folder, killing it after ten seconds; returns true if it was running. */
export async function endServer(server: Server, folder: string): Promise<boolean> {
  if (!(await isRunning(server, folder))) return false;
  const gone = async () => ((await isRunning(server, folder)) ? null : true);
  process.kill(server.pid, 'SIGTERM');
  await waitFor(`process ${server.pid} to end`, gone, 10_000).catch(() => process.kill(server.pid, 'SIGKILL'));
  await waitFor(`process ${server.pid} to be killed`, gone, 10_000);
  return true;
}
