/**
 * Runs in a mount namespace of its own and prints what an export directory does on a disk that refuses:
 * `full <folder> <compression>` on a disk of 2 MiB, `read-only <folder>` on one that is read-only for a while.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { openExportDirectory } from '../../connectors/export-directory/local-export-directory.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Compression } from '../../pipeline/export/selection.ts';

const [fault = '', root = '', compression = ''] = process.argv.slice(2);
const mount = (options: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', root]);
mount('size=2m');
const directory = await openExportDirectory({ root });
const destination = await directory.resolve('x_');
const report = fault === 'full' ? await fillUp(asCompression(compression)) : await turnReadOnly();
process.stdout.write(JSON.stringify(report));

async function fillUp(kind: Compression) {
  const file = await directory.create(destination, 'id', 'x_1.csv', kind);
  const failures: string[] = [];
  const refuse = async (attempt: () => Promise<unknown>) => {
    try {
      await attempt();
    } catch (error) {
      failures.push(describe(error));
    }
  };
  for (let mebibyte = 0; mebibyte < 6; mebibyte += 1) await refuse(() => file.write(randomBytes(1024 * 1024)));
  await refuse(() => file.seal());
  const held = readdirSync(root).length;
  await file.discard();
  const after = readdirSync(root);
  const next = await directory.create(destination, 'id', 'x_1.csv', kind);
  await next.seal();
  await directory.publish(destination, 'id', ['x_1.csv']);
  return { failures, held, after, published: readdirSync(root) };
}

async function turnReadOnly() {
  const file = await directory.create(destination, 'id', 'x_1.csv', 'uncompressed');
  await file.seal();
  const inNewFolder = await directory.resolve('new/x_');
  mount('remount,ro');
  const failures = [
    await directory.check().catch(describe),
    await directory.resolve('x_').catch(describe),
    await directory.create(destination, 'id', 'x_2.csv', 'gzip').catch(describe),
    await directory.create(inNewFolder, 'id', 'x_1.csv', 'gzip').catch(describe),
    await directory.publish(destination, 'id', ['x_1.csv']).catch(describe),
    await directory.sweep(destination, 'id').catch(describe),
  ];
  mount('remount,rw');
  await directory.check();
  await directory.publish(destination, 'id', ['x_1.csv']);
  return { failures, published: readdirSync(root) };
}

function describe(error: unknown): string {
  return error instanceof TidemarkError ? `${error.code} ${error.message}` : String(error);
}

function asCompression(word: string): Compression {
  if (word === 'gzip' || word === 'zip' || word === 'uncompressed') return word;
  throw new Error(`no compression ${word}`);
}
