import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';

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

function checkIsFile(stats: Stats, file: string): void {
  if (stats.isFile()) return;
  const found = stats.isDirectory() ? 'a folder' : stats.isFIFO() ? 'a named pipe' : 'a device';
  throw new Error(`${file} is ${found}; a file is needed`);
}
