/**
 * The layout of a segment file of a local log: one batch after another, all numbers little-endian.
 *
 *  at  size  what
 *   0     4  magic bytes `TMb1`; a reader searches for them to tell an incomplete last batch from damage before good batches
 *   4     4  CRC-32 of everything after it in this batch
 *   8     4  length of the batch in bytes, including this header
 *  12     4  number of records, at least 1
 *  16     8  offset of the first record
 *  24     8  lowest record time (double, milliseconds since 1970 UTC; NaN when no record has a time)
 *  32     8  highest record time, in the same form
 *  40        records: key length, value length (int32, -1 = null), time (double, NaN = null), number of headers
 *            (uint32), key, value; then per header: name length, value length (int32, -1 = null), name (UTF-8), value
 */
import { crc32 } from 'node:zlib';
import type { LogHeader, NewRecord } from '../../../pipeline/ports.ts';

export const batchHeaderBytes = 40;
export const recordHeaderBytes = 20;
export const batchMagic = Buffer.from('TMb1');

/** A complete batch whose CRC was checked, and where it is in `bytes`. */
export interface StoredBatch {
  readonly bytes: Buffer;
  /** Position of its first record in `bytes`. */
  readonly recordsAt: number;
  /** Position after its last byte in `bytes`. */
  readonly end: number;
  readonly length: number;
  readonly count: number;
  readonly baseOffset: number;
  readonly crc: number;
}

/** Encodes a batch of at least one record; the first record gets `baseOffset`. */
export function encodeBatch(records: readonly NewRecord[], baseOffset: number): Buffer {
  let length = batchHeaderBytes;
  for (const record of records) length += recordBytes(record);
  const batch = Buffer.allocUnsafe(length);
  const page = { bytes: batch, view: new DataView(batch.buffer, batch.byteOffset, batch.byteLength) };
  let at = batchHeaderBytes;
  let earliest = Number.NaN;
  let latest = Number.NaN;
  for (const record of records) {
    at = writeRecord(page, at, record);
    const { timestamp } = record;
    if (timestamp === null) continue;
    if (!(earliest <= timestamp)) earliest = timestamp;
    if (!(latest >= timestamp)) latest = timestamp;
  }
  batchMagic.copy(batch);
  batch.writeUInt32LE(batch.length, 8);
  batch.writeUInt32LE(records.length, 12);
  batch.writeBigUInt64LE(BigInt(baseOffset), 16);
  batch.writeDoubleLE(earliest, 24);
  batch.writeDoubleLE(latest, 32);
  batch.writeUInt32LE(crc32(batch.subarray(8)), 4);
  return batch;
}

/** The length in the header of the batch at `at`, which is not checked yet; null when no batch begins there. */
export function claimedLength(bytes: Buffer, at: number): number | null {
  if (bytes.length - at < batchHeaderBytes || bytes.compare(batchMagic, 0, 4, at, at + 4) !== 0) return null;
  return bytes.readUInt32LE(at + 8);
}

/** The batch at `at`; null when it is incomplete or its CRC-32 is wrong. */
export function readBatch(bytes: Buffer, at: number): StoredBatch | null {
  const length = claimedLength(bytes, at);
  if (length === null || length <= batchHeaderBytes || at + length > bytes.length) return null;
  const crc = bytes.readUInt32LE(at + 4);
  if (crc32(bytes.subarray(at + 8, at + length)) !== crc) return null;
  const count = bytes.readUInt32LE(at + 12);
  const baseOffset = Number(bytes.readBigUInt64LE(at + 16));
  return { bytes, recordsAt: at + batchHeaderBytes, end: at + length, length, count, baseOffset, crc };
}

/** How many bytes a record takes in a batch. */
function recordBytes({ key, value, headers }: NewRecord): number {
  let bytes = recordHeaderBytes + (key?.length ?? 0) + (value?.length ?? 0);
  if (headers === undefined) return bytes;
  for (const header of headers) bytes += 8 + Buffer.byteLength(header.name) + (header.value?.length ?? 0);
  return bytes;
}

/** The memory of a batch that is being encoded: as bytes, and as a view for writing numbers. */
interface BatchPage {
  readonly bytes: Buffer;
  readonly view: DataView;
}

function writeRecord(page: BatchPage, start: number, { key, value, timestamp, headers }: NewRecord): number {
  page.view.setInt32(start, key === null ? -1 : key.length, true);
  page.view.setInt32(start + 4, value === null ? -1 : value.length, true);
  page.view.setFloat64(start + 8, timestamp ?? Number.NaN, true);
  page.view.setUint32(start + 16, headers?.length ?? 0, true);
  const valueAt = writeBytes(page.bytes, start + recordHeaderBytes, key);
  const end = writeBytes(page.bytes, valueAt, value);
  return headers === undefined ? end : writeHeaders(page, end, headers);
}

function writeHeaders(page: BatchPage, start: number, headers: readonly LogHeader[]): number {
  let at = start;
  for (const { name, value } of headers) {
    const nameBytes = Buffer.from(name);
    page.view.setInt32(at, nameBytes.length, true);
    page.view.setInt32(at + 4, value === null ? -1 : value.length, true);
    at = writeBytes(page.bytes, at + 8, nameBytes);
    at = writeBytes(page.bytes, at, value);
  }
  return at;
}

function writeBytes(batch: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) return at;
  batch.set(bytes, at);
  return at + bytes.length;
}
