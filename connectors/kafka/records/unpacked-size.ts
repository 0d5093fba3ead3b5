/** Finds out how large packed bytes will become: for libraries that have no size limit of their own, and for messages. */

const lz4Magic = 0x184d2204;
const zstdMagic = 0xfd2fb528;
const zstdSkippable = 0x184d2a50;

/** The unpacked size in bytes that a raw snappy block declares. The library refuses a block that has another size. */
export function snappySize(packed: Buffer): number {
  let size = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = packed[at] ?? 0;
    size += (byte & 0x7f) * 128 ** at;
    if (byte < 0x80) break;
  }
  return size;
}

/** The unpacked size in bytes that the end of a gzip file declares, without whole multiples of 4 GiB. */
export function gzipSize(packed: Buffer): number {
  return packed.readUInt32LE(packed.length - 4);
}

/**
 * The unpacked size of lz4 frames in bytes, or an upper bound if that is at most `most`. Only when the bound is more, the
 * blocks are read: a block unpacks to at most 255 times its packed size, and to at most the block size that its frame
 * declares.
 */
export function lz4Size(packed: Buffer, most: number): number {
  const bound = sizeOfFrames(packed, (block, largest) => Math.min(block.length * 255, largest));
  return bound <= most ? bound : sizeOfFrames(packed, lz4BlockSize);
}

function sizeOfFrames(packed: Buffer, sizeOf: (block: Buffer, largest: number) => number): number {
  let size = 0;
  for (let at = 0; at + 7 <= packed.length && packed.readUInt32LE(at) === lz4Magic; ) {
    const flags = packed[at + 4]!;
    const largest = 1 << (8 + 2 * ((packed[at + 5]! >> 4) & 7));
    at += 7 + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0);
    while (at + 4 <= packed.length) {
      const head = packed.readUInt32LE(at);
      at += 4;
      if (head === 0) break;
      const bytes = head & 0x7fffffff;
      size += head >= 0x80000000 ? bytes : sizeOf(packed.subarray(at, at + bytes), largest);
      at += bytes + (flags & 16 ? 4 : 0);
    }
    at += flags & 4 ? 4 : 0;
  }
  return size;
}

/** The exact unpacked size of a block in bytes: the sum of the lengths of its literals and matches. */
function lz4BlockSize(block: Buffer): number {
  let at = 0;
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255; length += more) more = block[at++] ?? 0;
    return length;
  };
  let size = 0;
  while (at < block.length) {
    const token = block[at++]!;
    const literals = lengthOf(token >> 4);
    size += literals;
    at += literals;
    if (at >= block.length) break;
    at += 2; // the distance of the match
    size += lengthOf(token & 15) + 4;
  }
  return size;
}

/**
 * Sizes in bytes from the headers of zstd frames. `window`: the largest window of a frame, which the library allocates
 * before it unpacks anything. `declared`: the unpacked size of all frames, or null when one does not declare it.
 */
export function zstdSizes(packed: Buffer): { readonly window: number; readonly declared: number | null } {
  let largest = 0;
  let declared: number | null = 0;
  for (let at = 0; at + 6 <= packed.length; ) {
    const magic = packed.readUInt32LE(at);
    if ((magic & 0xfffffff0) === zstdSkippable) {
      at += 8 + packed.readUInt32LE(at + 4);
      continue;
    }
    if (magic !== zstdMagic) break;
    const flags = packed[at + 4]!;
    const isSingle = (flags & 32) !== 0;
    const sizeBytes = flags >> 6 === 0 ? Number(isSingle) : 1 << (flags >> 6);
    const sizeAt = at + 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][flags & 3]!;
    const size = sizeBytes === 0 ? null : declaredSize(packed, sizeAt, sizeBytes);
    declared = declared === null || size === null ? null : declared + size;
    const base = 2 ** (10 + (packed[at + 5]! >> 3));
    largest = Math.max(largest, isSingle ? (size ?? 0) : base + (base / 8) * (packed[at + 5]! & 7));
    at = zstdBlocksEnd(packed, sizeAt + sizeBytes) + (flags & 4 ? 4 : 0);
  }
  return { window: largest, declared };
}

function declaredSize(packed: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(packed.readBigUInt64LE(at));
  return packed.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}

/** The index after the last block of the frame whose first block is at `start`. */
function zstdBlocksEnd(packed: Buffer, start: number): number {
  for (let at = start; ; ) {
    const head = packed.readUIntLE(at, 3);
    const isRepeatedByte = ((head >> 1) & 3) === 1;
    at += 3 + (isRepeatedByte ? 1 : head >> 3);
    if ((head & 1) === 1) return at;
  }
}
