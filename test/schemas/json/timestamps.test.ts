import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatTimestamp,
  parseInstant,
  parseTimestamp,
  parseUsualTimestamp,
  timeEnd,
} from '../../../schemas/json/timestamps.ts';

// contract 1.10
test.each([
  ['UTC', '2026-03-01T00:00:00Z', '2026-03-01T00:00:00.000Z'],
  ['a zone', '2026-03-01T05:30:00.5+05:30', '2026-03-01T00:00:00.500Z'],
  ['digits beyond milliseconds are cut', '2026-03-01T00:00:00.123999Z', '2026-03-01T00:00:00.123Z'],
  ['a leap day', '2024-02-29T12:00:00.000Z', '2024-02-29T12:00:00.000Z'],
  ['the first instant', '1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.000Z'],
  ['the last instant', '2200-12-31T23:59:59.999Z', '2200-12-31T23:59:59.999Z'],
  ['a zone that leads into 1970', '1969-12-31T23:00:00-01:00', '1970-01-01T00:00:00.000Z'],
])('reads %s', (_, text, instant) => {
  expect(formatTimestamp(parseTimestamp(text)!)).toBe(instant);
});

// contract 1.10
test.each([
  ['no leap day', '2026-02-29T00:00:00.000Z'],
  ['no leap day in 2100', '2100-02-29T00:00:00.000Z'],
  ['April 31st', '2026-04-31T00:00:00.000Z'],
  ['month 0', '2026-00-10T00:00:00.000Z'],
  ['day 0', '2026-01-00T00:00:00.000Z'],
  ['hour 24', '2026-03-01T24:00:00.000Z'],
  ['minute 60', '2026-03-01T00:60:00.000Z'],
  ['a leap second', '2026-03-01T23:59:60.000Z'],
  ['lower case', '2026-03-01t00:00:00.000z'],
  ['no zone', '2026-03-01T00:00:00.000'],
  ['no digits after the dot', '2026-03-01T00:00:00.Z'],
  ['a letter among the digits', '2026-03-01T00:00:0x.000Z'],
  ['zone 24:00', '2026-03-01T00:00:00+24:00'],
  ['before 1970', '1969-12-31T23:59:59.999Z'],
  ['after 2200', '2201-01-01T00:00:00.000Z'],
  ['year 70, which Date.UTC takes for 1970', '0070-01-01T00:00:00.000Z'],
  ['year 99, which Date.UTC takes for 1999', '0099-12-31T23:59:59+00:00'],
])('refuses %s', (_, text) => {
  expect(parseTimestamp(text)).toBeUndefined();
});

// contract 3.3
test.each([
  ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ['0000-02-29T00:00:00Z', '0000-02-29T00:00:00.000Z'],
  ['0070-06-01T00:00:00+01:00', '0070-05-31T23:00:00.000Z'],
  ['9999-12-31T23:59:59.9999Z', '9999-12-31T23:59:59.999Z'],
])('a window may begin or end at %s', (text, instant) => {
  expect(formatTimestamp(parseInstant(text)!)).toBe(instant);
});

test.each(['0000-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01', '0100-02-29T00:00:00Z', '10000-01-01T00:00:00Z'])(
  'no window begins or ends at %s',
  text => {
    expect(parseInstant(text)).toBeUndefined();
  },
);

test('reads back every instant of the range as it was written', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: timeEnd - 1 }), at => {
      expect(parseTimestamp(formatTimestamp(at))).toBe(at);
    }),
  );
});

test('the usual spelling is read from bytes as from text, and no other spelling is', () => {
  const digit = fc.integer({ min: 0, max: 9 }).map(String);
  const shape = Array.from('dddd-dd-ddTdd:dd:dd.dddZ', unit => (unit === 'd' ? digit : fc.constant(unit)));
  const place = fc.nat(23);
  fc.assert(
    fc.property(fc.tuple(...shape), place, fc.constantFrom('', '-', ' ', '9', 'ü'), (units, at, other) => {
      const text = units.map((unit, index) => (index === at && other !== '' ? other : unit)).join('');
      const usual = parseUsualTimestamp(Buffer.from(`"${text}"`), 1);
      expect(usual).toBe(text.length === 24 && !text.includes('ü') ? parseTimestamp(text) : undefined);
    }),
    { numRuns: 3000 },
  );
});
