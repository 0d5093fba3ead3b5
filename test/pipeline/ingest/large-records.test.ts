import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { foldBatch } from '../../../pipeline/ingest/batch-folding.ts';

const mebibyte = 1 << 20;

function rejectsOf(key: Buffer | null, value: Buffer | null, maxRecordBytes: number) {
  const records = [{ offset: 0, timestamp: 1, key, value, headers: [] }];
  const next = { nextOffset: 1, bookmark: null };
  const partition = { topic: 'calls', partition: 0 };
  const batch = { partition, kind: 'live', origin: 'x', records, from: 0, next, bytesRead: 0 } as const;
  return foldBatch(batch, { keyFormat: 'string', maxRecordBytes, clock: { now: () => 2 } }).rejects;
}

const event = Buffer.from('{"event":"service.started","service_id":"s"}');

test('a record is too large by its key and value together, whatever they hold (contract 1.17, 1.20)', () => {
  const key = Buffer.from('s');
  expect(rejectsOf(key, event, event.length + 1)).toEqual([]);
  expect(rejectsOf(key, event, event.length)).toMatchObject([{ reject: { reason: 'TOO_LARGE', field: null } }]);
  const noUtf8 = Buffer.alloc(100, 0xff);
  expect(rejectsOf(null, noUtf8, 99)).toMatchObject([{ reject: { reason: 'TOO_LARGE' } }]);
});

test('of a record that is too large 1 MiB of key and value are kept, with their lengths and hashes', () => {
  const value = Buffer.alloc(3 * mebibyte, 'v');
  const key = Buffer.from('k');
  const [kept] = rejectsOf(key, value, 2 * mebibyte);
  expect([kept?.record.key?.length, kept?.record.value?.length]).toEqual([1, mebibyte]);
  expect(Buffer.from(kept!.record.value!).equals(value.subarray(0, mebibyte))).toBe(true);
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  expect(kept?.reject.message).toBe(
    `key and value have 3145729 bytes together; max_record_bytes allows 2097152; the key has 1 bytes (SHA-256 ${sha256(key)}), the value 3145728 bytes (SHA-256 ${sha256(value)}), of which 1048576 are kept`,
  );
});
