import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { gunzipSync, unzipSync } from 'fflate';
import { openExportDirectory } from '../../connectors/export-directory/local-export-directory.ts';
import type { Compression } from '../../pipeline/export/selection.ts';

export const COMPRESSIONS = ['uncompressed', 'gzip', 'zip'] as const;

const ENDINGS: Record<Compression, string> = { uncompressed: '', gzip: '.gz', zip: '.zip' };

/** How fflate, which shares no code with our packers, reads `x_1.csv` back. */
export const unpack: Record<Compression, (packed: Uint8Array) => Uint8Array> = {
  uncompressed: packed => packed,
  gzip: packed => gunzipSync(packed),
  zip: packed => unzipSync(packed)['x_1.csv'] ?? new Uint8Array(),
};

/** Writes the chunks through the disk below `root`, publishes, gives back what was told and where the file lies. */
export async function packToDisk(root: string, compression: Compression, chunks: Iterable<Uint8Array>) {
  const directory = await openExportDirectory({ root });
  const name = `x_1.csv${ENDINGS[compression]}`;
  const destination = await directory.resolve(`run-${runs++}/x_`);
  const file = await directory.create(destination, 'id', name, compression);
  for (const chunk of chunks) await file.write(chunk);
  const facts = await file.seal();
  await directory.publish(destination, 'id', [name]);
  return { facts, path: path.join(destination.folder, name) };
}
let runs = 0;

/** Runs a tool of the system; up to 64 MiB of output are kept. */
export function runTool([command = '', ...args]: readonly string[]) {
  return spawnSync(command, args, { maxBuffer: 64 * 1024 * 1024 });
}
