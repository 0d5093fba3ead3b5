import { createRequire } from 'node:module';
import zlib, { gunzipSync } from 'node:zlib';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { lz4Exceeds, snappySize, zstdSizes } from './unpacked-size.ts';

const require = createRequire(import.meta.url);

/**
 * The largest unpacked size of one batch, in bytes. A broker accepts a packed batch of 1 MB that unpacks to gigabytes; without
 * this limit the process would run out of memory at each start.
 */
const maxUnpackedBytes = 256 << 20;

/** Unpacks the records of one batch. Synchronous, because a promise per batch costs as much as decoding the batch. */
export type Unpack = (packed: Buffer) => Buffer;

/** Kafka's compression types; the index is the number in a batch's attributes. `sample` unpacks to "tidemark". */
const codecs: readonly { readonly name: string; readonly sample: string; open(maxBytes: number): Unpack }[] = [
  { name: 'none', sample: 'dGlkZW1hcms=', open: () => packed => packed },
  { name: 'gzip', sample: 'H4sIAAAAAAAAAyvJTEnNTSzKBgAp0ZHWCAAAAA==', open: openGzip },
  { name: 'snappy', sample: 'CBx0aWRlbWFyaw==', open: openSnappy },
  { name: 'lz4', sample: 'BCJNGGBAgggAAIB0aWRlbWFyawAAAAA=', open: openLz4 },
  { name: 'zstd', sample: 'KLUv/SAIQQAAdGlkZW1hcms=', open: openZstd },
];

/**
 * Opens every codec and tries it on its sample. The index of a codec in the returned list is its compression type. Throws
 * `CONFIG_INVALID` when a codec does not work on this machine, so that the service fails at its start and not at the first
 * batch that needs the codec. A codec throws when a batch unpacks to more than `maxBytes`.
 */
export function openCodecs(maxBytes = maxUnpackedBytes): readonly Unpack[] {
  return codecs.map(({ name, sample, open }) => {
    try {
      const unpack = open(maxBytes);
      if (unpack(Buffer.from(sample, 'base64')).toString() === 'tidemark') return unpack;
      throw new Error('its sample unpacks to other bytes');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const problem = `records compressed with ${name} cannot be read on this machine: ${reason}`;
      throw new TidemarkError('CONFIG_INVALID', `${problem}; reinstall the packages on this machine with npm ci`, {
        cause,
      });
    }
  });
}

function tooLarge(maxBytes: number, cause?: unknown): Error {
  return new Error(`it unpacks to more than ${maxBytes} bytes`, { cause });
}

function openGzip(maxBytes: number): Unpack {
  return bounded(maxBytes, packed => gunzipSync(packed, { maxOutputLength: maxBytes }));
}

/** Node's own functions keep to a size limit; this gives their error the same message as that of the other codecs. */
function bounded(maxBytes: number, unpack: Unpack): Unpack {
  return packed => {
    try {
      return unpack(packed);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE')
        throw tooLarge(maxBytes, error);
      throw error;
    }
  };
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;

/** Java clients write a header of 16 bytes, then blocks with their lengths; librdkafka writes one raw block. */
function openSnappy(maxBytes: number): Unpack {
  const { uncompressSync }: typeof import('snappy') = require('snappy');
  return packed => {
    let left = maxBytes;
    const unpackBlock = (block: Buffer): Buffer => {
      left -= snappySize(block);
      if (left < 0) throw tooLarge(maxBytes);
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

function openLz4(maxBytes: number): Unpack {
  const { decompressFrameSync }: typeof import('lz4-napi') = require('lz4-napi');
  return packed => {
    if (lz4Exceeds(packed, maxBytes)) throw tooLarge(maxBytes);
    return decompressFrameSync(packed);
  };
}

interface UnpackedFrame {
  readonly buffer: Buffer;
  /** `bytesWritten`: how many of the packed bytes the frame took. */
  readonly engine: { readonly bytesWritten: number };
}
type ZstdDecompress = (
  packed: Buffer,
  options: { readonly info: true; readonly maxOutputLength: number },
) => UnpackedFrame;

/** Producers write one frame per batch. Each frame blocks the process for a moment, so a batch with more frames is refused. */
const maxFrames = 1_000;

/** Uses Node's own zstd where it exists (from 22.15 on), else fzstd. Node's unpacks one frame per call; a batch may hold several. */
function openZstd(maxBytes: number): Unpack {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: ZstdDecompress };
  if (zstdDecompressSync !== undefined)
    return bounded(maxBytes, packed => {
      const frames: Buffer[] = [];
      for (let at = 0, left = maxBytes; at < packed.length; left -= frames.at(-1)!.length) {
        if (left <= 0) throw tooLarge(maxBytes);
        if (frames.length === maxFrames) throw new Error(`it has more than ${maxFrames} frames`);
        const options = { info: true, maxOutputLength: left } as const;
        const { buffer, engine } = zstdDecompressSync(packed.subarray(at), options);
        frames.push(buffer);
        if (engine.bytesWritten === 0) throw new Error(`its last ${packed.length - at} bytes are no zstd frame`);
        at += engine.bytesWritten;
      }
      return Buffer.concat(frames);
    });
  const { decompress, Decompress }: typeof import('fzstd') = require('fzstd');
  return packed => {
    const { window, declared } = zstdSizes(packed);
    if (window > maxBytes || (declared ?? 0) > maxBytes) throw tooLarge(maxBytes);
    // With a declared size fzstd allocates once and is faster than block by block.
    if (declared !== null) return Buffer.from(decompress(packed));
    const blocks: Uint8Array[] = [];
    let size = 0;
    const stream = new Decompress(block => {
      size += block.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      blocks.push(block);
    });
    stream.push(packed, true);
    return Buffer.concat(blocks);
  };
}
