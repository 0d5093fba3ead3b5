/**
 * Plain bytes a packer takes at once. By `test/bench/packing.ts`, gzip packs blocks of 256 KiB, 1 MiB and 4 MiB at 45, 60
 * and 67 MiB/s (one zlib thread: 31); the last tenth is not worth four times the memory.
 */
export const BLOCK_BYTES = 1024 * 1024;

/**
 * Cuts bytes into blocks of one size, however they are written: so the packed bytes depend on the content alone.
 * Blocks are copies; the writer may use its buffer again at once.
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
    for (let taken = 0; taken < bytes.length; ) {
      const piece = bytes.subarray(taken, taken + this.#blockBytes - this.#filled);
      this.#block.set(piece, this.#filled);
      this.#filled += piece.length;
      taken += piece.length;
      if (this.#filled < this.#blockBytes) return;
      yield this.#block;
      this.#block = Buffer.allocUnsafeSlow(this.#blockBytes);
      this.#filled = 0;
    }
  }

  /** What no full block has taken; may be empty. */
  rest(): Buffer {
    return this.#block.subarray(0, this.#filled);
  }
}
