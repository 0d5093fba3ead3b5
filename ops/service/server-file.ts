import { readFile, rm, writeFile } from 'node:fs/promises';
import { hasSystemCode } from '../../pipeline/errors.ts';

/** The file `<db>.server.json`: how commands on the same machine reach the running service. */
export interface ServerFile {
  readonly url: string;
  readonly pid: number;
  /** A token with all rights, valid while this service runs. */
  readonly token: string;
  /** The real path of the export root. */
  readonly export_root: string;
  /** SHA-256 fingerprint of its certificate; null where it serves plain HTTP. */
  readonly certificate: string | null;
}

/** Writes the file beside the database, readable by its owner only. */
export async function announceServer(db: string, server: ServerFile): Promise<void> {
  const path = serverFileOf(db);
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify(server)}\n`, { mode: 0o600, flag: 'wx' });
}

/** Removes the file, when the service has stopped. */
export function withdrawServer(db: string): Promise<void> {
  return rm(serverFileOf(db), { force: true });
}

/** Reads the file of a database; null when there is none. The service that wrote it may have died since. */
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
