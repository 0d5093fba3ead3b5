import { createHash, type Hash } from 'node:crypto';

interface HashedRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly name: string; readonly value: Uint8Array | null }[];
}

/**
 * The SHA-256 of a record, in hexadecimal (contract 4.36): over its key, its value, and the name and value of each header,
 * each after its length as four bytes, big-endian; -1 stands for one that is absent.
 */
export function recordSha256({ key, value, headers }: HashedRecord): string {
  const hash = createHash('sha256');
  addPart(hash, key);
  addPart(hash, value);
  for (const header of headers) {
    addPart(hash, Buffer.from(header.name));
    addPart(hash, header.value);
  }
  return hash.digest('hex');
}

/** The SHA-256 of a line of a file, without its line end, in hexadecimal. */
export function lineSha256(line: Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}

function addPart(hash: Hash, bytes: Uint8Array | null): void {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes?.length ?? -1);
  hash.update(length);
  if (bytes !== null) hash.update(bytes);
}
