import { createRequire } from 'node:module';
import zlib, { gunzipSync } from 'node:zlib';
import { TidemarkError } from '../../pipeline/errors.ts';

const require = createRequire(import.meta.url);

/** Unpacks the records of a batch. Synchronous: a promise a batch would cost as much as decoding it. */
export type Unpack = (packed: Buffer) => Buffer;

/** Kafka's compression types, by the number in a batch's attributes. */
const codecs: readonly { readonly name: string; readonly sample: string; open(): Unpack }[] = [
  { name: 'none', sample: 'dGlkZW1hcms=', open: () => packed => packed },
  { name: 'gzip', sample: 'H4sIAAAAAAAAAyvJTEnNTSzKBgAp0ZHWCAAAAA==', open: () => packed => gunzipSync(packed) },
  { name: 'snappy', sample: 'CBx0aWRlbWFyaw==', open: openSnappy },
  { name: 'lz4', sample: 'BCJNGGBAgggAAIB0aWRlbWFyawAAAAA=', open: openLz4 },
  { name: 'zstd', sample: 'KLUv/SAIQQAAdGlkZW1hcms=', open: openZstd },
];

/**
 * Opens every codec and tries each on a sample, by compression type. Throws `CONFIG_INVALID` when this machine lacks
 * one: better at start than at the first batch that needs it.
 */
export function openCodecs(): readonly Unpack[] {
  return codecs.map(({ name, sample, open }) => {
    try {
      const unpack = open();
      if (unpack(Buffer.from(sample, 'base64')).toString() === 'tidemark') return unpack;
      throw new Error('what was packed did not come back');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const problem = `records packed with ${name} cannot be read on this machine: ${reason}`;
      throw new TidemarkError('CONFIG_INVALID', `${problem}; install the packages again here, with npm ci`, { cause });
    }
  });
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;

/** Java writes a header of 16 bytes and then blocks with their lengths, librdkafka one raw block. */
function openSnappy(): Unpack {
  const { uncompressSync }: typeof import('snappy') = require('snappy');
  const unpackBlock = (packed: Buffer): Buffer => Buffer.from(uncompressSync(packed));
  return packed => {
    if (!packed.subarray(0, xerialMagic.length).equals(xerialMagic)) return unpackBlock(packed);
    const blocks: Buffer[] = [];
    for (let at = xerialHeaderBytes; at < packed.length; ) {
      const bytes = packed.readInt32BE(at);
      blocks.push(unpackBlock(packed.subarray(at + 4, at + 4 + bytes)));
      at += 4 + bytes;
    }
    return Buffer.concat(blocks);
  };
}

function openLz4(): Unpack {
  const { decompressFrameSync }: typeof import('lz4-napi') = require('lz4-napi');
  return decompressFrameSync;
}

/** Node has zstd of its own from 22.15 on. */
function openZstd(): Unpack {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: Unpack };
  if (zstdDecompressSync !== undefined) return zstdDecompressSync;
  const { decompress }: typeof import('fzstd') = require('fzstd');
  return packed => Buffer.from(decompress(packed));
}
