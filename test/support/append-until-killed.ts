/**
 * Appends to a log for ever, batch after batch, and prints the offset after each as soon as it was acknowledged:
 * `root topic seed`. A record's value begins with its own offset, so that a reader can tell a wrong one.
 */
import { writeSync } from 'node:fs';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';

const [root = '', topic = '', seed = '1'] = process.argv.slice(2);
const writer = await openLogWriter({ root, topic, partition: 0, segmentBytes: 300_000 });
let { firstOffset: next } = await writer.append([]);
let random = Number(seed);
writeSync(1, `${next}\n`);

for (;;) {
  random = (random * 48_271) % 2_147_483_647;
  const count = 1 + (random % 200);
  const from = next;
  await writer.append(
    Array.from({ length: count }, (_, index) => {
      const value = Buffer.from(`${from + index}:${'x'.repeat(random % 700)}`);
      return { timestamp: from + index, key: null, value };
    }),
  );
  next += count;
  writeSync(1, `${next}\n`);
}
