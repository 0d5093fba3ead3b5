/** Runs in a mount namespace of its own and prints what a log writer does on a disk of 2 MiB that fills up: `folder`. */
import { execFileSync } from 'node:child_process';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { NewRecord } from '../../pipeline/ports.ts';
import { readValues } from './log-files.ts';

const [root = ''] = process.argv.slice(2);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', root]);
const log = { root, topic: 't', partition: 0, segmentBytes: 700_000 };
const record: NewRecord = { timestamp: null, key: null, value: Buffer.alloc(3_000, 'x') };
const describe = (error: unknown): string => (error instanceof TidemarkError ? error.code : String(error));

const writer = await openLogWriter(log);
const failures: string[] = [];
let acknowledged = 0;
while (failures.length < 2) {
  try {
    acknowledged = (await writer.append(Array.from({ length: 100 }, () => record))).firstOffset + 100;
  } catch (error) {
    failures.push(describe(error));
  }
}
await writer.close();
const read = (await readValues(root)).values.length;
const again = await openLogWriter(log).catch(describe);
const next = typeof again === 'string' ? again : (await again.append([])).firstOffset;
process.stdout.write(JSON.stringify({ failures, acknowledged, read, next }));
