import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BLOCK_BYTES } from '../../../connectors/export-directory/block-cutter.ts';
import { openExportDirectory } from '../../../connectors/export-directory/local-export-directory.ts';
import type { FileFacts } from '../../../pipeline/ports.ts';
import { csvText } from '../../support/csv-text.ts';
import { COMPRESSIONS, packToDisk, runTool, unpack } from '../../support/packed-files.ts';
import { needTool } from '../../support/skipping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let root: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  root = await temporaryFolder();
});
afterEach(() => root.remove());

const contents: ReadonlyArray<readonly [string, () => Buffer]> = [
  ['no bytes', () => Buffer.alloc(0)],
  ['one byte', () => Buffer.from('x')],
  ['exactly one block', () => csvText(BLOCK_BYTES)],
  ['one byte more than a block', () => csvText(BLOCK_BYTES + 1)],
  ['several blocks of CSV', () => csvText(3 * BLOCK_BYTES + 12_345)],
  ['several blocks that cannot be compressed', () => randomBytes(2 * BLOCK_BYTES + 77)],
  ['several blocks of zeros', () => Buffer.alloc(2 * BLOCK_BYTES + 5)],
];

/** Programs of the system that check and unpack a packed file. */
const tools = {
  gzip: { check: ['gzip', '-t'], read: ['zcat'] },
  zip: { check: ['unzip', '-tq'], read: ['unzip', '-p'] },
} as const;

describe.each(contents)('%s', (_, make) => {
  // contract 4.5
  test.for(COMPRESSIONS)('%s: several unpackers read back what was written', async (compression, context) => {
    const content = make();
    const { facts, path: file } = await packToDisk(root.path, compression, [content]);
    const packed = await readFile(file);
    expect(facts.plain).toEqual(factsOf(content));
    expect(facts.packed).toEqual(factsOf(packed));
    expect(content.equals(unpack[compression](packed)), 'as fflate reads it').toBe(true);
    if (compression === 'gzip') expect(content.equals(gunzipSync(packed)), 'as zlib reads it').toBe(true);
    if (compression === 'uncompressed') return;
    const { check, read } = tools[compression];
    needTool(context, check[0]);
    const checked = runTool([...check, file]);
    expect(checked.status, checked.stderr.toString()).toBe(0);
    expect(content.equals(runTool([...read, file]).stdout), 'as the program of the system reads it').toBe(true);
  });
});

function factsOf(bytes: Uint8Array): FileFacts['plain'] {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

describe('discarding a file while it is written', () => {
  test.each(COMPRESSIONS)('%s: the pending write fails, and no file stays', async compression => {
    const directory = await openExportDirectory({ root: root.path });
    const destination = await directory.resolve('x_');
    const file = await directory.create(destination, 'id', 'x_1.csv', compression);
    const writing = file.write(randomBytes(16 * BLOCK_BYTES)).catch((error: unknown) => error);
    await file.discard();
    expect(await writing).toMatchObject({ code: 'EXPORT_FAILED' });
    await directory.sweep(destination, 'id');
    expect(await directory.areFree(destination, ['x_1.csv'])).toBe(true);
  });
});
