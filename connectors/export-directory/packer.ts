/** Semaphore plain blocks into the bytes of the file. One call at a time; after a rejection it is of no more use. */
export interface Packer {
  /** Takes a full block; resolves when the next may come. The block belongs to the packer from now on. */
  take(block: Buffer): Promise<void>;
  /** Takes the last, perhaps empty block, and writes what closes the file; resolves when all is written. */
  end(block: Buffer): Promise<void>;
  /** Gives up what is unfinished; resolves when the sink is called no more. Never rejects. */
  abandon(): Promise<void>;
}
