import { createHash } from 'node:crypto';

/** What is kept of the key, and of the value, of a record that is too large. */
const keptBytes = 1 << 20;

interface KeyAndValue {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** A record with its key and value cut to 1 MiB each (contract 1.20). */
export function cutRecord<R extends KeyAndValue>(record: R): R {
  return { ...record, key: cut(record.key), value: cut(record.value) };
}

/** A copy, so that the rest of a large record is not kept in memory. */
function cut(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null || bytes.length <= keptBytes ? bytes : Buffer.from(bytes.subarray(0, keptBytes));
}

/** The lengths and SHA-256 of a record's whole key and value, as a clause of a message. */
export function describeSizes({ key, value }: KeyAndValue): string {
  return `the key has ${described(key)}, the value ${described(value)}`;
}

function described(bytes: Uint8Array | null): string {
  if (bytes === null) return 'no bytes';
  const hash = createHash('sha256').update(bytes).digest('hex');
  const kept = bytes.length > keptBytes ? `, of which ${keptBytes} are kept` : '';
  return `${bytes.length} bytes (SHA-256 ${hash})${kept}`;
}
