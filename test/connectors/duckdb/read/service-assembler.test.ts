import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { RankedLines } from '../../../../connectors/duckdb/read/ranked-lines.ts';
import { ServiceAssembler } from '../../../../connectors/duckdb/read/service-assembler.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

async function assemble(services: string, states: string, tasks: string, cuts: readonly number[]): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const open = async (name: string, content: string) => {
    await writeFile(path.join(folder.path, name), content);
    const lines = new RankedLines();
    lines.add(path.join(folder.path, name));
    onTestFinished(() => lines.close());
    return lines;
  };
  const assembler = new ServiceAssembler({
    separator: '\n',
    states: await open('states', states),
    tasks: await open('tasks', tasks),
  });
  const bytes = Buffer.from(services);
  const out: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts.toSorted((one, other) => one - other), bytes.length]) {
    const to = Math.min(Math.max(cut, from), bytes.length);
    out.push(Buffer.from(assembler.take(bytes.subarray(from, to))));
    from = to;
  }
  out.push(assembler.end());
  return Buffer.concat(out).toString();
}

const services = '{"service_id":"é1"\n{"service_id":"2"\n{"service_id":"3"\n';
const states = ['1\tA"a"\t{"state_id":"a"', '1\tC"b"\t{"state_id":"b"', '3\tA"a"\t{"state_id":"a"', ''].join('\n');
const tasks = [
  '1\tA"a"\t{"task_id":"t1"',
  '1\tA"a"\t{"task_id":"t2"',
  '1\tC"b"\t{"task_id":"t5"',
  '1\tC\t{"task_id":"t3"',
  '2\tA"b"\t{"task_id":"t4"',
  '',
].join('\n');
const none = { active_tasks: [], completed_tasks: [] };
const wanted = [
  {
    service_id: 'é1',
    active_states: [{ state_id: 'a', active_tasks: [{ task_id: 't1' }, { task_id: 't2' }], completed_tasks: [] }],
    completed_states: [{ state_id: 'b', active_tasks: [], completed_tasks: [{ task_id: 't5' }] }],
    active_tasks: [],
    completed_tasks: [{ task_id: 't3' }],
  },
  { service_id: '2', active_states: [], completed_states: [], active_tasks: [{ task_id: 't4' }], completed_tasks: [] },
  { service_id: '3', active_states: [{ state_id: 'a', ...none }], completed_states: [], ...none },
];

test('states and tasks are inserted into their services, wherever the bytes are cut (contract 4.15)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(Buffer.byteLength(services)), { maxLength: 5 }), async cuts => {
      const text = await assemble(services, states, tasks, cuts);
      expect(
        text
          .trimEnd()
          .split('\n')
          .map(line => JSON.parse(line)),
      ).toEqual(wanted);
    }),
    { numRuns: 40 },
  );
});

test('a service may have more lines than one read of the scratch file returns', async () => {
  const many = Array.from({ length: 20_000 }, (_, number) => `1\tC\t{"task_id":"task-${number}"\n`).join('');
  const text = await assemble('{"service_id":"1"\n', '', many, []);
  expect(JSON.parse(text).completed_tasks.length).toBe(20_000);
});
