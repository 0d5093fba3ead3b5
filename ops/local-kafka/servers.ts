import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Broker } from './broker.ts';
import { Registry } from './registry.ts';
import { endServer, isRunning, type LocalState, readState, type Server, writeState } from './state.ts';
import { freePort, isFree } from './waiting.ts';

type ServerName = keyof LocalState;

const kinds = {
  kafka: { usualPort: 9092, start: Broker.start },
  registry: { usualPort: 8081, start: Registry.start },
} as const;

interface StartOptions {
  readonly folder: string;
  /** The servers to start; those that are running already are left alone. */
  readonly wanted: readonly ServerName[];
  /** Called for each server that is started. */
  starting(name: ServerName): void;
}

/** Starts servers that keep running after this process has ended. The state file in the folder lists them. */
export async function startServers({ folder, wanted, starting }: StartOptions): Promise<LocalState> {
  const before = await readState(folder);
  let state: LocalState = { kafka: await stillRunning('kafka'), registry: await stillRunning('registry') };
  for (const name of wanted) {
    if (state[name] !== null) continue;
    starting(name);
    const port = await portFor(name, before?.[name]?.port);
    const { pid } = await kinds[name].start({ dir: dirOf(folder, name), port, detached: true });
    // Written after each server, so that it can be stopped even if starting the next one fails.
    state = { ...state, [name]: { pid, port } };
    await writeState(folder, state);
  }
  return state;

  async function stillRunning(name: ServerName): Promise<Server | null> {
    const server = before?.[name] ?? null;
    return server !== null && (await isRunning(server, dirOf(folder, name))) ? server : null;
  }
}

/** Stops the servers and returns the names of those that were running. With `records` their data is deleted too. */
export async function stopServers(folder: string, { records }: { readonly records: boolean }): Promise<ServerName[]> {
  const state = await readState(folder);
  const ended: ServerName[] = [];
  for (const name of ['registry', 'kafka'] as const) {
    const server = state?.[name] ?? null;
    if (server !== null && (await endServer(server, dirOf(folder, name)))) ended.push(name);
  }
  if (records) await rm(folder, { recursive: true, force: true });
  return ended;
}

function dirOf(folder: string, name: ServerName): string {
  return path.resolve(folder, name);
}

/** The port of the last time, else the usual one, else any, so that clients find the server where they found it before. */
async function portFor(name: ServerName, before: number | undefined): Promise<number> {
  for (const port of [before, kinds[name].usualPort]) if (port !== undefined && (await isFree(port))) return port;
  return freePort();
}
