import { readFile, rm, writeFile } from 'node:fs/promises';
import { hasSystemCode } from '../../pipeline/errors.ts';

/** Where a running service is reached, for commands on the same machine. */
export interface ServerFile {
  readonly url: string;
  readonly pid: number;
}

/** Writes beside the database where its service is reached, readable by its owner only. Gives what takes it away again. */
export async function announceServer(db: string, url: string): Promise<() => Promise<void>> {
  const path = serverFileOf(db);
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify({ url, pid: process.pid } satisfies ServerFile)}\n`, { mode: 0o600 });
  return () => rm(path, { force: true });
}

/** The service that owns a database, as it wrote it down; null when none did. It may have died since. */
export async function findServer(db: string): Promise<ServerFile | null> {
  try {
    return JSON.parse(await readFile(serverFileOf(db), 'utf8')) as ServerFile;
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function serverFileOf(db: string): string {
  return `${db}.server.json`;
}
