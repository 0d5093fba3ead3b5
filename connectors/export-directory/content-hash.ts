import { createHash } from 'node:crypto';
import type { ContentFacts } from '../../pipeline/ports.ts';

/** Counts and hashes bytes as they pass. */
export class ContentHash {
  readonly #sha256 = createHash('sha256');
  #bytes = 0;

  add(bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#bytes += bytes.length;
  }

  /** The count and the hash in hex; to be called once, after the last byte. */
  finish(): ContentFacts {
    return { bytes: this.#bytes, sha256: this.#sha256.digest('hex') };
  }
}
