import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { diskFailure } from './disk.ts';

/** Without O_NONBLOCK, opening a named pipe would wait until another process opens it for writing. */
const forReading = constants.O_RDONLY | constants.O_NONBLOCK;

/** Reads the text of a small file. Throws at once for a folder, a named pipe or a device, and else the system's error. */
export async function readSmallFile(file: string): Promise<string> {
  const handle = await open(file, forReading);
  try {
    checkIsFile(await handle.stat(), file);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/** As `readSmallFile`, for where nothing can be awaited. */
export function readSmallFileSync(file: string): string {
  const descriptor = openSync(file, forReading);
  try {
    checkIsFile(fstatSync(descriptor), file);
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes a small file under a hidden name and then renames it, so that its name always has the whole former or the whole
 * new text, also after a crash or on a full disk. Throws `DISK_FULL` or `NOT_WRITABLE` with the name of the file.
 */
export async function writeSmallFile(file: string, text: string, mode = 0o666): Promise<void> {
  const hidden = path.join(path.dirname(file), `.${path.basename(file)}`);
  try {
    // Whatever has the hidden name was left by a process that died.
    await rm(hidden, { force: true });
    await writeAndSync(hidden, text, mode);
    await rename(hidden, file);
  } catch (error) {
    await rm(hidden, { force: true }).catch(() => undefined);
    throw diskFailure(error, `write ${file}`, 'NOT_WRITABLE');
  }
}

async function writeAndSync(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function checkIsFile(stats: Stats, file: string): void {
  if (stats.isFile()) return;
  const found = stats.isDirectory() ? 'a folder' : stats.isFIFO() ? 'a named pipe' : 'a device';
  throw new Error(`${file} is ${found}; a file is needed`);
}
