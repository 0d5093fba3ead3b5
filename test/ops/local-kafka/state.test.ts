import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { readState, writeState } from '../../../ops/local-kafka/state.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder: string;
beforeEach(async () => {
  const made = await temporaryFolder();
  onTestFinished(made.remove);
  folder = path.join(made.path, 'local');
});

test('the servers that were started are found again', async () => {
  expect(await readState(folder)).toBeNull();
  const state = { kafka: { pid: 1, port: 2 }, registry: null };
  await writeState(folder, state);
  expect(await readState(folder)).toEqual(state);
  expect(await readdir(folder)).toEqual(['state.json']);
});

test.each(['', '{"kafka":', 'null'])('a state that holds %j counts as none', async text => {
  await writeState(folder, { kafka: null, registry: null });
  await writeFile(path.join(folder, 'state.json'), text);
  expect(await readState(folder)).toBeNull();
});

test('a server without process or port counts as not started', async () => {
  await writeState(folder, { kafka: null, registry: null });
  await writeFile(path.join(folder, 'state.json'), '{"kafka":{"pid":"1"},"registry":{"pid":1,"port":2}}');
  expect(await readState(folder)).toEqual({ kafka: null, registry: { pid: 1, port: 2 } });
});
