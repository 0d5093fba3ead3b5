import { rm } from 'node:fs/promises';
import { readSmallFile, writeSmallFile } from '../../connectors/small-files.ts';

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

/** Writes the file beside the database, readable by its owner only. Throws `DISK_FULL` or `NOT_WRITABLE`. */
export function announceServer(db: string, server: ServerFile): Promise<void> {
  return writeSmallFile(serverFileOf(db), `${JSON.stringify(server)}\n`, 0o600);
}

/** Removes the file, when the service has stopped. */
export function withdrawServer(db: string): Promise<void> {
  return rm(serverFileOf(db), { force: true });
}

/**
 * Reads the file of a database; null when there is none that can be used, as after damage. The caller then opens the
 * database itself, which a running service refuses. The service that wrote the file may have died since.
 */
export async function findServer(db: string): Promise<ServerFile | null> {
  try {
    return decodeServer(JSON.parse(await readSmallFile(serverFileOf(db))));
  } catch {
    return null;
  }
}

function decodeServer(content: unknown): ServerFile | null {
  const { url, pid, token, export_root, certificate } = (content ?? {}) as Partial<Record<keyof ServerFile, unknown>>;
  if (typeof url !== 'string' || !URL.canParse(url) || typeof pid !== 'number' || typeof token !== 'string')
    return null;
  if (typeof export_root !== 'string' || (certificate !== null && typeof certificate !== 'string')) return null;
  return { url, pid, token, export_root, certificate };
}

function serverFileOf(db: string): string {
  return `${db}.server.json`;
}
