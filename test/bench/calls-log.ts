import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';

export const monthOfCalls = path.resolve('test/golden/calls/calls-august.ndjson.gz');

/** Writes the month of calls to a local log; made once per root. Returns the number of its events. */
export async function writeCallsLog(root: string): Promise<number> {
  const lines = gunzipSync(readFileSync(monthOfCalls)).toString('latin1').trimEnd().split('\n');
  if (existsSync(root)) return lines.length;
  const writer = await openLogWriter({ root, topic: 'calls', partition: 0 });
  for (let at = 0; at < lines.length; at += 1_000) {
    await writer.append(
      lines.slice(at, at + 1_000).map(line => ({ timestamp: null, key: null, value: Buffer.from(line, 'latin1') })),
    );
  }
  await writer.close();
  return lines.length;
}
