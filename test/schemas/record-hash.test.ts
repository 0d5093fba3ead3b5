import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { lineSha256, recordSha256 } from '../../schemas/record-hash.ts';

const sha256 = (hex: string) => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');

test('a record is hashed over its parts, each after its length, and what is absent is -1 (contract 4.36)', () => {
  const headers = [
    { name: 'é', value: Buffer.from([0]) },
    { name: '', value: null },
  ];
  expect(recordSha256({ key: Buffer.from('k'), value: null, headers })).toBe(
    sha256('00000001 6b ffffffff 00000002 c3a9 00000001 00 00000000 ffffffff'.replaceAll(' ', '')),
  );
});

test('what moves from key to value, or from absent to empty, changes the hash', () => {
  const [a, ab, b, none] = ['a', 'ab', 'b', ''].map(text => Buffer.from(text));
  const records = [
    { key: a!, value: b! },
    { key: ab!, value: none! },
    { key: ab!, value: null },
    { key: none!, value: ab! },
    { key: null, value: ab! },
  ];
  expect(new Set(records.map(record => recordSha256({ ...record, headers: [] }))).size).toBe(records.length);
});

test('a line is hashed alone', () => {
  expect(lineSha256(Buffer.from('{}'))).toBe(sha256('7b7d'));
});
