/**
 * How many plain bytes a packer takes at once. `test/bench/packing.ts` measured gzip with blocks of 256 KiB, 1 MiB and 4 MiB
 * at 45, 60 and 67 MiB/s (one zlib thread: 31). Blocks of 4 MiB are not worth four times the memory.
 */
export const BLOCK_BYTES = 1024 * 1024;

/**
 * Cuts bytes into blocks of equal size. The blocks do not depend on how the bytes are written, so neither do the packed
 * bytes. Blocks are copies: the caller may reuse its buffer at once.
 */
export class BlockCutter {
  readonly #blockBytes: number;
  #block: Buffer;
  #filled = 0;

  constructor(blockBytes = BLOCK_BYTES) {
    this.#blockBytes = blockBytes;
    this.#block = Buffer.allocUnsafeSlow(blockBytes);
  }

  /** Yields each block that these bytes fill. */
  *cut(bytes: Uint8Array): Generator<Buffer> {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.#blockBytes - this.#filled);
      this.#block.set(piece, this.#filled);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled < this.#blockBytes) return;
      yield this.#block;
      this.#block = Buffer.allocUnsafeSlow(this.#blockBytes);
      this.#filled = 0;
    }
  }

  /** The bytes after the last full block; may be empty. */
  rest(): Buffer {
    return this.#block.subarray(0, this.#filled);
  }
}

/** Packs plain blocks into the bytes of the file. One call at a time; unusable after a rejection. */
export interface Packer {
  /** Takes a full block, which the caller must not change afterwards; resolves when the next block may be passed. */
  take(block: Buffer): Promise<void>;
  /** Takes the last block, which may be empty, and ends the file format; resolves when all bytes are written. */
  end(block: Buffer): Promise<void>;
  /** Stops; resolves when no more bytes will be written. Never rejects. */
  abandon(): Promise<void>;
}
