import { createRequire } from 'node:module';
import zlib, { gunzipSync } from 'node:zlib';
import { hasSystemCode, TidemarkError } from '../../../pipeline/errors.ts';
import { gzipSize, lz4Size, snappySize, zstdSizes } from './unpacked-size.ts';

const require = createRequire(import.meta.url);

/**
 * Unpacks the records of one batch. Throws an Error that says why it cannot, also when they are more than `maxBytes`: a
 * broker accepts a packed batch of 1 MB that unpacks to gigabytes, and without a limit the process would run out of memory
 * at each start. Synchronous, because a promise per batch costs as much as decoding the batch.
 */
export type Unpack = (packed: Buffer, maxBytes: number) => Buffer;

/** Kafka's compression types; the index is the number in a batch's attributes. `sample` unpacks to "tidemark". */
const codecs: readonly { readonly name: string; readonly sample: string; open(): Unpack }[] = [
  { name: 'none', sample: 'dGlkZW1hcms=', open: () => packed => packed },
  { name: 'gzip', sample: 'H4sIAAAAAAAAAyvJTEnNTSzKBgAp0ZHWCAAAAA==', open: openGzip },
  { name: 'snappy', sample: 'CBx0aWRlbWFyaw==', open: openSnappy },
  { name: 'lz4', sample: 'BCJNGGBAgggAAIB0aWRlbWFyawAAAAA=', open: openLz4 },
  { name: 'zstd', sample: 'KLUv/SAIQQAAdGlkZW1hcms=', open: openZstd },
];

let opened: readonly Unpack[] | null = null;

/**
 * Opens every codec, once. The index of a codec in the returned list is its compression type. Throws `CONFIG_INVALID` when
 * a codec does not work on this machine, so that the service fails at its start and not at the first batch that needs it.
 */
export function openCodecs(): readonly Unpack[] {
  opened ??= codecs.map(openCodec);
  return opened;
}

function openCodec({ name, sample, open }: (typeof codecs)[number]): Unpack {
  try {
    const unpack = open();
    if (unpack(Buffer.from(sample, 'base64'), 1 << 20).toString() === 'tidemark') return unpack;
    throw new Error('its sample unpacks to other bytes');
  } catch (cause) {
    const problem = `records compressed with ${name} cannot be read on this machine: ${reasonOf(cause)}`;
    throw new TidemarkError('CONFIG_INVALID', `${problem}; reinstall the packages on this machine with npm ci`, {
      cause,
    });
  }
}

/** `bytes` is the unpacked size as far as the packed bytes tell it; null where they do not. */
function tooLarge(bytes: number | null, maxBytes: number): Error {
  const size = bytes !== null && bytes > maxBytes ? `${bytes} bytes, which is ` : '';
  return new Error(`it unpacks to ${size}more than max_unpacked_bytes (${maxBytes})`);
}

/** Thrown for a batch that cannot be read. The message completes "the record batch at offset 7 …". */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

/**
 * Unpacks bytes of the compression type `codec`. Throws `Unreadable`, and the error of Node when there is no memory for the
 * unpacked bytes.
 */
export function unpack(
  packed: Buffer,
  codec: number,
  { codecs, maxBytes }: { readonly codecs: readonly Unpack[]; readonly maxBytes: number },
): Buffer {
  const open = codecs[codec];
  if (open === undefined) throw new Unreadable(`names the unknown codec ${codec}`);
  try {
    return open(packed, maxBytes);
  } catch (cause) {
    if (isOutOfMemory(cause)) throw cause;
    throw new Unreadable(`cannot be unpacked: ${reasonOf(cause)}`, { cause });
  }
}

export function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes('allocation failed');
}

/** Node's words for reading beyond the end of a buffer speak of variables of ours. */
function reasonOf(error: unknown): string {
  if (hasSystemCode(error, 'ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS')) return 'its bytes end too early';
  return error instanceof Error ? error.message : String(error);
}

function openGzip(): Unpack {
  return (packed, maxBytes) =>
    bounded(
      () => gunzipSync(packed, { maxOutputLength: maxBytes }),
      () => tooLarge(gzipSize(packed), maxBytes),
    );
}

/** Node's own functions keep to a size limit; this gives their error the words of the other codecs. */
function bounded<T>(unpack: () => T, failure: () => Error): T {
  try {
    return unpack();
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE' ? failure() : error;
  }
}

const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;

/** Java clients write a header of 16 bytes, then blocks with their lengths; librdkafka writes one raw block. */
function openSnappy(): Unpack {
  const { uncompressSync }: typeof import('snappy') = require('snappy');
  return (packed, maxBytes) => {
    const isXerial = packed.subarray(0, xerialMagic.length).equals(xerialMagic);
    const blocks = isXerial ? xerialBlocks(packed) : [packed];
    const bytes = blocks.reduce((sum, block) => sum + snappySize(block), 0);
    if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
    const unpacked = blocks.map(block => Buffer.from(uncompressSync(block)));
    return unpacked.length === 1 ? unpacked[0]! : Buffer.concat(unpacked);
  };
}

function xerialBlocks(packed: Buffer): readonly Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = xerialHeaderBytes; at < packed.length; ) {
    const end = at + 4 + packed.readInt32BE(at);
    if (end <= at + 4 || end > packed.length)
      throw new Error(`block ${blocks.length} does not have the length that it states`);
    blocks.push(packed.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}

function openLz4(): Unpack {
  const { decompressFrameSync }: typeof import('lz4-napi') = require('lz4-napi');
  return (packed, maxBytes) => {
    const bytes = lz4Size(packed, maxBytes);
    if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
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

/** Uses Node's own zstd where it exists (from 22.15 on), else fzstd. */
function openZstd(): Unpack {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: ZstdDecompress };
  return zstdDecompressSync === undefined ? openFzstd() : openNodeZstd(zstdDecompressSync);
}

/** Node's zstd unpacks one frame per call; a batch may hold several. */
function openNodeZstd(decompress: ZstdDecompress): Unpack {
  return (packed, maxBytes) => {
    const failure = () => tooLarge(zstdSizes(packed).declared, maxBytes);
    const frames: Buffer[] = [];
    for (let at = 0, left = maxBytes; at < packed.length; left -= frames.at(-1)!.length) {
      if (left <= 0) throw failure();
      if (frames.length === maxFrames) throw new Error(`it has more than ${maxFrames} frames`);
      const options = { info: true, maxOutputLength: left } as const;
      const { buffer, engine } = bounded(() => decompress(packed.subarray(at), options), failure);
      frames.push(buffer);
      if (engine.bytesWritten === 0) throw new Error(`its last ${packed.length - at} bytes are no zstd frame`);
      at += engine.bytesWritten;
    }
    return Buffer.concat(frames);
  };
}

function openFzstd(): Unpack {
  const { decompress, Decompress }: typeof import('fzstd') = require('fzstd');
  return (packed, maxBytes) => {
    const { window, declared } = zstdSizes(packed);
    if (window > maxBytes || (declared ?? 0) > maxBytes) throw tooLarge(declared, maxBytes);
    // With a declared size fzstd allocates once and is faster than block by block.
    if (declared !== null) return Buffer.from(decompress(packed));
    const blocks: Uint8Array[] = [];
    let size = 0;
    const stream = new Decompress(block => {
      size += block.length;
      if (size > maxBytes) throw tooLarge(null, maxBytes);
      blocks.push(block);
    });
    stream.push(packed, true);
    return Buffer.concat(blocks);
  };
}
