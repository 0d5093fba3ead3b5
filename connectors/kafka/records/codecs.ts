import { createRequire } from 'node:module';
import zlib, { gunzipSync } from 'node:zlib';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { lz4Exceeds, snappySize, zstdSizes } from './unpacked-size.ts';

const require = createRequire(import.meta.url);

/**
 * The most that a batch may unpack to. A broker takes a packed batch of 1 MB that unpacks to gigabytes, and we would die of
 * it at each start.
 */
export const mostUnpackedBytes = 256 << 20;

/** Unpacks the records of a batch, up to a size. Synchronous: a promise a batch would cost as much as decoding it. */
export type Unpack = (packed: Buffer) => Buffer;

/** Kafka's compression types, by the number in a batch's attributes. */
const codecs: readonly { readonly name: string; readonly sample: string; open(most: number): Unpack }[] = [
  { name: 'none', sample: 'dGlkZW1hcms=', open: () => packed => packed },
  { name: 'gzip', sample: 'H4sIAAAAAAAAAyvJTEnNTSzKBgAp0ZHWCAAAAA==', open: openGzip },
  { name: 'snappy', sample: 'CBx0aWRlbWFyaw==', open: openSnappy },
  { name: 'lz4', sample: 'BCJNGGBAgggAAIB0aWRlbWFyawAAAAA=', open: openLz4 },
  { name: 'zstd', sample: 'KLUv/SAIQQAAdGlkZW1hcms=', open: openZstd },
];

/**
 * Opens every codec and tries each on a sample, by compression type. Throws `CONFIG_INVALID` when this machine lacks
 * one: better at start than at the first batch that needs it. They throw for what unpacks to more than `most` bytes.
 */
export function openCodecs(most = mostUnpackedBytes): readonly Unpack[] {
  return codecs.map(({ name, sample, open }) => {
    try {
      const unpack = open(most);
      if (unpack(Buffer.from(sample, 'base64')).toString() === 'tidemark') return unpack;
      throw new Error('what was packed did not come back');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const problem = `records packed with ${name} cannot be read on this machine: ${reason}`;
      throw new TidemarkError('CONFIG_INVALID', `${problem}; install the packages again here, with npm ci`, { cause });
    }
  });
}

function tooLarge(most: number, cause?: unknown): Error {
  return new Error(`it unpacks to more than ${most} bytes`, { cause });
}

function openGzip(most: number): Unpack {
  return bounded(most, packed => gunzipSync(packed, { maxOutputLength: most }));
}

/** Node's own functions keep to a limit, and say so in words of theirs. */
function bounded(most: number, unpack: Unpack): Unpack {
  return packed => {
    try {
      return unpack(packed);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
        throw tooLarge(most, error);
      throw error;
    }
  };
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;

/** Java writes a header of 16 bytes and then blocks with their lengths, librdkafka one raw block. */
function openSnappy(most: number): Unpack {
  const { uncompressSync }: typeof import('snappy') = require('snappy');
  return packed => {
    let left = most;
    const unpackBlock = (block: Buffer): Buffer => {
      left -= snappySize(block);
      if (left < 0) throw tooLarge(most);
      return Buffer.from(uncompressSync(block));
    };
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

function openLz4(most: number): Unpack {
  const { decompressFrameSync }: typeof import('lz4-napi') = require('lz4-napi');
  return packed => {
    if (lz4Exceeds(packed, most)) throw tooLarge(most);
    return decompressFrameSync(packed);
  };
}

interface UnpackedFrame {
  readonly buffer: Buffer;
  /** Of `bytesWritten`: how much of what was given is unpacked now. */
  readonly engine: { readonly bytesWritten: number };
}
type ZstdDecompress = (
  packed: Buffer,
  options: { readonly info: true; readonly maxOutputLength: number },
) => UnpackedFrame;

/** Producers write one. Opening each takes its time, and nothing else is done meanwhile. */
const mostFrames = 1_000;

/** Node has zstd of its own from 22.15 on, which ends with the first frame of what may be several. */
function openZstd(most: number): Unpack {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: ZstdDecompress };
  if (zstdDecompressSync !== undefined)
    return bounded(most, packed => {
      const frames: Buffer[] = [];
      for (let at = 0, left = most; at < packed.length; left -= frames.at(-1)!.length) {
        if (left <= 0) throw tooLarge(most);
        if (frames.length === mostFrames) throw new Error(`it has more than ${mostFrames} frames`);
        const options = { info: true, maxOutputLength: left } as const;
        const { buffer, engine } = zstdDecompressSync(packed.subarray(at), options);
        frames.push(buffer);
        if (engine.bytesWritten === 0) throw new Error(`nothing of ${packed.length - at} bytes can be unpacked`);
        at += engine.bytesWritten;
      }
      return Buffer.concat(frames);
    });
  const { decompress, Decompress }: typeof import('fzstd') = require('fzstd');
  return packed => {
    const { window, declared } = zstdSizes(packed);
    if (window > most || (declared ?? 0) > most) throw tooLarge(most);
    // All at once is faster, and into a buffer of that size.
    if (declared !== null) return Buffer.from(decompress(packed));
    const blocks: Uint8Array[] = [];
    let size = 0;
    const stream = new Decompress(block => {
      size += block.length;
      if (size > most) throw tooLarge(most);
      blocks.push(block);
    });
    stream.push(packed, true);
    return Buffer.concat(blocks);
  };
}
