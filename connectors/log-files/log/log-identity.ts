import { randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../../pipeline/errors.ts';
import { syncFolder } from '../../disk.ts';

const FILE_NAME = 'log.json';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Who a log is, wherever its folder is copied or moved to. */
export interface LogIdentity {
  /** A UUID. */
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
}

/** The identity of the log in `folder`; null when there is none. Throws `SOURCE_CORRUPT` when it cannot be understood. */
export async function readIdentity(folder: string): Promise<LogIdentity | null> {
  const file = path.join(folder, FILE_NAME);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  });
  if (text === null) return null;
  const identity = decodeIdentity(text);
  if (identity === null) {
    const allowed = '{"id", "topic", "partition"} as it was made is allowed';
    throw new TidemarkError('SOURCE_CORRUPT', `${file} holds ${JSON.stringify(text.slice(0, 200))}; ${allowed}`);
  }
  return identity;
}

/** Makes a new identity, on disk when it resolves. Only the holder of the folder's lock may call it. */
export async function makeIdentity(folder: string, topic: string, partition: number): Promise<LogIdentity> {
  const identity = { id: randomUUID(), topic, partition };
  const hidden = path.join(folder, `.${FILE_NAME}`);
  const handle = await open(hidden, 'w');
  try {
    await handle.writeFile(`${JSON.stringify(identity)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(hidden, path.join(folder, FILE_NAME));
  await syncFolder(folder);
  return identity;
}

function decodeIdentity(text: string): LogIdentity | null {
  try {
    const { id, topic, partition } = JSON.parse(text) as Partial<Record<string, unknown>>;
    if (typeof id !== 'string' || !UUID.test(id) || typeof topic !== 'string') return null;
    return typeof partition === 'number' && Number.isSafeInteger(partition) ? { id, topic, partition } : null;
  } catch {
    return null;
  }
}
