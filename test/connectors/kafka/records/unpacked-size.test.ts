import { gzipSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { describe, expect, test } from 'vitest';
import { openCodecs } from '../../../../connectors/kafka/records/codecs.ts';
import { FetchedBatch } from '../../../../connectors/kafka/records/fetched-batch.ts';
import { batchOf } from '../../../support/kafka/record-batch.ts';

const most = 1 << 20;
const codecs = openCodecs(most);

/** Blocks as Java's clients pack them with snappy. */
function xerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
  for (let at = 0; at < bytes.length; at += 32_768) {
    const block = compressSync(bytes.subarray(at, at + 32_768));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** A frame of zstd of blocks that repeat a byte: with a window, or with its size. */
function zstd(bytes: Buffer, window: number | null = 7 << 3): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  const facts = window === null ? [0xa0, ...size] : [0, window];
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, ...facts])];
  for (let at = 0; at < bytes.length; at += 131_072) {
    const size = Math.min(131_072, bytes.length - at);
    const head = Buffer.alloc(4);
    head.writeUIntLE((size << 3) | 2 | Number(at + size === bytes.length), 0, 3);
    head[3] = bytes[at]!;
    parts.push(head);
  }
  return Buffer.concat(parts);
}

/** Two frames, each of them small enough; one of a single byte. */
function halves(bytes: Buffer): readonly Buffer[] {
  const half = (bytes.length + 1) >> 1;
  const parts = [bytes.subarray(0, half), bytes.subarray(half)];
  return parts.filter(({ length }) => length > 0).map(part => zstd(part, null));
}

const packers = [
  ['gzip', 1, gzipSync],
  ['snappy in one block', 2, compressSync],
  ['snappy in blocks', 2, xerial],
  ['lz4', 3, compressFrameSync],
  ['lz4 in two frames', 3, (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(0)].map(of => compressFrameSync(of)))],
  ['zstd', 4, (bytes: Buffer) => zstd(bytes)],
  ['zstd that declares its size', 4, (bytes: Buffer) => zstd(bytes, null)],
  ['zstd in two frames that declare their sizes', 4, (bytes: Buffer) => Buffer.concat(halves(bytes))],
] as const;

describe.each(packers)('%s', (_, codec, pack) => {
  test.each([1, 70_000, most])('%i bytes are unpacked', size => {
    const bytes = Buffer.alloc(size, 7);
    expect(codecs[codec]!(Buffer.from(pack(bytes))).equals(bytes)).toBe(true);
  });

  test('more than is allowed stops the reading with the offset in words', () => {
    const body = Buffer.from(pack(Buffer.alloc(most + 1, 7)));
    const messages = batchOf({ baseOffset: 41, attributes: codec, body, count: 1 });
    const data = { partition: 3, highWatermark: '100', logStart: 0, messages, abortedTransactions: [] };
    expect(() => new FetchedBatch('t', '41', data, codecs)).toThrow(
      expect.objectContaining({
        name: 'DamagedBatch',
        message: `t/3: the record batch at offset 41 cannot be unpacked: it unpacks to more than ${most} bytes`,
      }),
    );
  });
});

test('zstd with a window that is larger is refused before as much is taken', () => {
  expect(() => codecs[4]!(zstd(Buffer.alloc(10), 20 << 3))).toThrow();
});

test('by default a batch may unpack to 256 MiB, and to no byte more', () => {
  const [, , unpackSnappy] = openCodecs();
  /** The head of a block says how many bytes it unpacks to, seven bits a byte; there are none behind it here. */
  const declaring = (last: number) => Buffer.from([last, 0x80, 0x80, 0x80, 0x01]);
  expect(() => unpackSnappy!(declaring(0x81))).toThrow('it unpacks to more than 268435456 bytes');
  expect(() => unpackSnappy!(declaring(0x80))).not.toThrow('it unpacks to more');
});

test('lz4 of random bytes, which does not shrink, is unpacked', () => {
  const bytes = Buffer.from(Array.from({ length: most }, (_, at) => (at * 7919 + (at >> 8) * 31) % 251));
  expect(codecs[3]!(compressFrameSync(bytes)).equals(bytes)).toBe(true);
});
