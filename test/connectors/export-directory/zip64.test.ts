import { afterEach, beforeEach, expect, test } from 'vitest';
import { packToDisk, runTool } from '../../support/packed-files.ts';
import { needTool } from '../../support/skipping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let root: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  root = await temporaryFolder();
});
afterEach(() => root.remove());

test('unzip reads a zip entry of more than 4 GiB (contract 4.5)', { timeout: 400_000 }, async context => {
  const zeros = Buffer.alloc(4 * 1024 * 1024);
  const { facts, path: file } = await packToDisk(root.path, 'zip', repeat(zeros, 1_026));
  expect(facts.plain.bytes).toBe(1_026 * zeros.length);
  needTool(context, 'unzip');
  expect(runTool(['unzip', '-tq', file])).toMatchObject({ status: 0 });
  expect(runTool(['unzip', '-l', file]).stdout.toString()).toContain(`${1_026 * zeros.length}`);
});

function* repeat(bytes: Uint8Array, times: number): Generator<Uint8Array> {
  for (let time = 0; time < times; time += 1) yield bytes;
}
