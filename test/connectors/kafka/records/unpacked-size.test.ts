import { gzipSync } from 'node:zlib';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { describe, expect, test } from 'vitest';
import { openCodecs } from '../../../../connectors/kafka/records/codecs.ts';
import { fetchedFrom } from '../../../support/kafka/fetched.ts';
import { batchOf } from '../../../support/kafka/record-batch.ts';
import { plainRecords } from '../../../support/reading.ts';

const most = 1 << 20;
const codecs = openCodecs();

/** Blocks of 32 KiB with the header of Java's snappy library. */
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

/** A zstd frame of blocks that repeat a byte. It declares its window or, when `window` is null, its unpacked size. */
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

/** Two frames of half the size each; a single byte makes one frame. */
function halves(bytes: Buffer, pack: (part: Buffer) => Buffer): Buffer {
  const half = (bytes.length + 1) >> 1;
  const parts = [bytes.subarray(0, half), bytes.subarray(half)];
  return Buffer.concat(parts.filter(({ length }) => length > 0).map(pack));
}

const inTwoFramesOfLz4 = (bytes: Buffer) => halves(bytes, part => compressFrameSync(part));

const fetchedBatch = (codec: number, body: Buffer, count: number) =>
  fetchedFrom(batchOf({ baseOffset: 41, lastOffset: 41, attributes: codec, body, count }), {
    from: 41,
    maxUnpackedBytes: most,
  });
const damageOf = (codec: number, body: Buffer) => fetchedBatch(codec, body, 0).damage?.reason;

/** `bytes` is null where the packed bytes do not tell their unpacked size. */
const tooLarge = (bytes: number | null) =>
  `the record batch at offset 41 cannot be unpacked: it unpacks to ${bytes === null ? '' : `${bytes} bytes, which is `}more than max_unpacked_bytes (${most})`;

const packers = [
  ['gzip', 1, gzipSync],
  ['snappy in one block', 2, compressSync],
  ['snappy in blocks', 2, xerial],
  ['lz4', 3, compressFrameSync],
  [
    'lz4 followed by an empty frame',
    3,
    (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(0)].map(of => compressFrameSync(of))),
  ],
  ['zstd', 4, (bytes: Buffer) => zstd(bytes)],
  ['zstd that declares its size', 4, (bytes: Buffer) => zstd(bytes, null)],
  ['zstd in two frames that declare their sizes', 4, (bytes: Buffer) => halves(bytes, part => zstd(part, null))],
] as const;

describe.each(packers)('%s', (name, codec, pack) => {
  test.each([1, 70_000, most])('%i bytes are unpacked', size => {
    const bytes = Buffer.alloc(size, 7);
    expect(codecs[codec]!(Buffer.from(pack(bytes)), most).equals(bytes)).toBe(true);
  });

  test('more bytes than allowed are refused, with the offset, the unpacked size and the bound (contract 2.18)', () => {
    const body = Buffer.from(pack(Buffer.alloc(most + 1, 7)));
    expect(damageOf(codec, body)).toBe(tooLarge(name === 'zstd' ? null : most + 1));
  });
});

describe('lz4 in two frames, although Kafka clients write and read one', () => {
  test('counts with the size of both together', () => {
    expect(damageOf(3, inTwoFramesOfLz4(Buffer.alloc(most + 1, 7)))).toBe(tooLarge(most + 1));
    expect(damageOf(3, compressFrameSync(Buffer.alloc(most / 2 + 1, 7)))).toBeUndefined();
  });

  test('is refused and not read as the records of the first frame alone', () => {
    const values = ['a', 'b'].map(letter => letter.repeat(1_000));
    const plain = batchOf({ baseOffset: 41, values }).subarray(61);
    const read = (body: Buffer) => plainRecords(fetchedBatch(3, body, 2).records).map(({ value }) => String(value));
    expect(read(compressFrameSync(plain))).toEqual(values);
    expect(fetchedBatch(3, inTwoFramesOfLz4(plain), 2).damage?.reason).toMatch(/has a record that is cut off/);
  });
});

test('a zstd frame whose window exceeds the limit is refused before the window is allocated', () => {
  const refusal = /it unpacks to more than max_unpacked_bytes \(1048576\)|too much memory/;
  expect(() => codecs[4]!(zstd(Buffer.alloc(10), 20 << 3), most)).toThrow(refusal);
  expect(codecs[4]!(zstd(Buffer.alloc(10), 10 << 3), most)).toEqual(Buffer.alloc(10));
});

test.each<[string, number, Buffer, RegExp]>([
  [
    'a snappy block of negative length',
    2,
    Buffer.concat([xerial(Buffer.alloc(9)).subarray(0, 16), Buffer.alloc(8, 0xff)]),
    /block 0 does not have the length that it states/,
  ],
  [
    'a snappy block that is cut off',
    2,
    xerial(Buffer.alloc(70_000)).subarray(0, -3),
    /block 2 does not have the length that it states/,
  ],
  [
    'half a length of a snappy block',
    2,
    Buffer.concat([xerial(Buffer.alloc(9)), Buffer.alloc(2)]),
    /its bytes end too early/,
  ],
  ['snappy of nothing', 2, Buffer.alloc(0), /empty/],
  [
    'zstd that is cut off in its head',
    4,
    zstd(Buffer.alloc(9)).subarray(0, 6),
    /its bytes end too early|ended|incomplete|unexpected/,
  ],
])('%s is damage, in words', (_, codec, body, wanted) => {
  expect(damageOf(codec, body)).toMatch(/^the record batch at offset 41 cannot be unpacked: /);
  expect(damageOf(codec, body)).toMatch(wanted);
});

test('lz4 of random bytes, which do not shrink, is unpacked', () => {
  const bytes = Buffer.from(Array.from({ length: most }, (_, at) => (at * 7919 + (at >> 8) * 31) % 251));
  expect(codecs[3]!(compressFrameSync(bytes), most).equals(bytes)).toBe(true);
});
