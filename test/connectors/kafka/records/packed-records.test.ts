import { describe, expect, test } from 'vitest';
import { type PackedRecords, RecordTable } from '../../../../connectors/kafka/records/packed-records.ts';
import type { LogRecord } from '../../../../pipeline/ports.ts';
import { plainRecords } from '../../../support/reading.ts';

const bytes = (text: string) => Buffer.from(text);
const record = (offset: number, more: Partial<LogRecord> = {}): LogRecord => ({
  offset,
  timestamp: 1_000 + offset,
  key: bytes(`k${offset}`),
  value: bytes(`value ${offset}`),
  headers: [],
  ...more,
});

function packed(records: readonly LogRecord[]): PackedRecords {
  const table = new RecordTable();
  for (const each of records) table.addRecord(each);
  return table.records();
}

describe('packed records', () => {
  test('are equal to the records that were added, also where fields are null or empty', () => {
    const records = [
      record(3),
      record(4, { timestamp: null, key: null, value: null }),
      record(9, { key: bytes(''), value: bytes('') }),
      record(2 ** 40, {
        timestamp: 0,
        headers: [
          { name: 'h', value: null },
          { name: 'h', value: bytes('x') },
        ],
      }),
    ];
    expect(plainRecords(packed(records))).toEqual(records);
    expect(records.map((_, index) => packed(records).bytes(index))).toEqual([9, 0, 0, 33]);
  });

  test('may be more than the initial size of the table', () => {
    const records = Array.from({ length: 1_000 }, (_, offset) => record(offset));
    expect(plainRecords(packed(records))).toEqual(records);
  });

  test('are found by index from either end, and by offset', () => {
    const part = packed([1, 3, 5, 8, 9].map(offset => record(offset))).slice(1, 4);
    expect(part.length).toBe(3);
    expect([0, 2, 3, -1, -3, -4].map(index => part.at(index)?.offset)).toEqual([3, 8, undefined, 8, 3, undefined]);
    expect([0, 3, 4, 8, 9].map(offset => part.indexOf(offset))).toEqual([0, 0, 1, 2, 3]);
    expect(part.slice(1, 2).offset(0)).toBe(5);
  });

  test('end where the table is truncated, and records added later follow there', () => {
    const table = new RecordTable();
    for (const offset of [1, 2, 3]) table.addRecord(record(offset, { headers: [{ name: `h${offset}`, value: null }] }));
    table.truncate(1);
    table.addRecord(record(7));
    expect(plainRecords(table.records())).toEqual([record(1, { headers: [{ name: 'h1', value: null }] }), record(7)]);
  });
});
