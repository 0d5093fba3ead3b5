import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AvroReader } from '../../../schemas/avro/reader.ts';
import { avroWriter } from '../../support/avro.ts';

function reading<T>(bytes: Uint8Array, read: (reader: AvroReader) => T): T {
  const reader = new AvroReader();
  reader.open(bytes, 0);
  const value = read(reader);
  reader.end();
  return value;
}

const longs = avroWriter('"long"');
const limits = [
  0n,
  ...[6n, 13n, 20n, 27n, 34n, 41n, 48n, 53n, 55n, 62n].flatMap(bits => [2n ** bits - 1n, 2n ** bits, 2n ** bits + 1n]),
  2n ** 63n - 1n,
  -(2n ** 63n),
];

test('every 64-bit integer keeps its digits', () => {
  const whole = (value: bigint) => {
    expect(String(reading(longs.toBuffer(value), reader => reader.long()))).toBe(String(value));
  };
  for (const limit of limits) {
    whole(limit);
    if (limit > 0n) whole(-limit);
  }
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), whole));
});

test('values that avsc writes are read', () => {
  const strings = avroWriter('"string"');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      expect(reading(strings.toBuffer(text), reader => reader.string())).toBe(text);
    }),
  );
  const doubles = avroWriter('"double"');
  fc.assert(
    fc.property(fc.double({ noNaN: true }), value => {
      expect(reading(doubles.toBuffer(value), reader => reader.double())).toBe(value);
    }),
  );
});

const bytes = (...hex: readonly string[]) => Buffer.from(hex.join(''), 'hex');

describe('a number with more bytes than it needs', () => {
  test.each([
    ['0', bytes('80', '00')],
    ['0', bytes('80808080808080808000')],
    ['-1', bytes('81808080808080808000')],
    ['1', bytes('8280808000')],
  ])('is %s', (digits, encoded) => {
    expect(reading(encoded, reader => reader.long())).toBe(Number(digits));
  });
});

describe('refused', () => {
  test.each<[string, Buffer, (reader: AvroReader) => unknown, RegExp]>([
    ['a long without its last byte', bytes('80'), reader => reader.long(), /ends too early/],
    ['a long of 9 bytes without its last', bytes('8080808080808080ff'), reader => reader.long(), /ends too early/],
    ['a long of 65 bits', bytes('ffffffffffffffffff02'), reader => reader.long(), /more than 64 bits/],
    ['a long of 11 bytes', bytes('8080808080808080808000'), reader => reader.long(), /more than 64 bits/],
    ['an int beyond 32 bits', longs.toBuffer(2n ** 31n), reader => reader.int(), /an int is 2147483648/],
    ['an int beyond 53 bits', longs.toBuffer(2n ** 62n), reader => reader.int(), /an int is 46/],
    ['a boolean of 2', bytes('02'), reader => reader.boolean(), /a boolean is 2/],
    ['a boolean that is not there', bytes(), reader => reader.boolean(), /ends too early/],
    ['a float of three bytes', bytes('000000'), reader => reader.float(), /ends too early/],
    ['a double of seven bytes', bytes('00000000000000'), reader => reader.double(), /ends too early/],
    ['a string of length -1', bytes('01'), reader => reader.string(), /a length is -1/],
    ['a string longer than the bytes', bytes('0461'), reader => reader.string(), /ends too early/],
    ['a string as long as 2^62', longs.toBuffer(2n ** 62n), reader => reader.string(), /ends too early/],
    [
      'a string that is no UTF-8',
      bytes('0461ff'),
      reader => reader.string(),
      /string of 2 bytes at byte 1 is not UTF-8/,
    ],
    ['a surrogate in UTF-8', bytes('06eda080'), reader => reader.string(), /not UTF-8/],
    ['the branch before the first', bytes('01'), reader => reader.choice(2), /-1 of 2 does not exist/],
    ['the branch after the last', bytes('04'), reader => reader.choice(2), /2 of 2 does not exist/],
    ['bytes that are left over', bytes('0000'), reader => reader.long(), /1 bytes are left over/],
  ])('%s', (_, encoded, read, told) => {
    expect(() => reading(encoded, read)).toThrow(told);
  });
});
