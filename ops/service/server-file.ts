import { readFile, rm, writeFile } from 'node:fs/promises';
import { hasSystemCode } from '../../pipeline/errors.ts';

/** How a running service is reached by commands of its user on the same machine. */
export interface ServerFile {
  readonly url: string;
  readonly pid: number;
  /** Lets its holder do everything, for as long as this service runs. */
  readonly token: string;
  /** The real path of the folder its exports lie in. */
  readonly export_root: string;
  /** Fingerprint (SHA-256) of the certificate it shows; null where it speaks plain HTTP. */
  readonly certificate: string | null;
}

/** Writes beside the database where its service is reached, readable by its owner only. Gives what takes it away again. */
export async function announceServer(db: string, server: ServerFile): Promise<() => Promise<void>> {
  const path = serverFileOf(db);
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify(server)}\n`, { mode: 0o600, flag: 'wx' });
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
