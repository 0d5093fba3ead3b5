import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { gunzipChunks } from '../../../../connectors/log-files/lines/gunzip-chunks.ts';

test('what could be unpacked before the damage is yielded, also when one read holds all of it', async () => {
  const text = Array.from({ length: 50_000 }, (_, line) => `${line} ${(line * 7_919) % 1_000_003}\n`).join('');
  const packed = gzipSync(text);
  packed.writeUInt8(packed.readUInt8(packed.length - 6) ^ 1, packed.length - 6);
  const unpacked: Buffer[] = [];
  const unpack = async () => {
    const chunks = (async function* () {
      yield packed;
    })();
    for await (const chunk of gunzipChunks(chunks)) unpacked.push(chunk);
  };
  await expect(unpack()).rejects.toThrow('incorrect data check');
  const found = Buffer.concat(unpacked).toString();
  expect(text.startsWith(found)).toBe(true);
  expect(found.length, 'most of the text').toBeGreaterThan(text.length / 2);
});
