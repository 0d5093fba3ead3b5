import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memberPositions, positionOf } from '../../../schemas/events/field-plan.ts';
import { JsonSyntaxError, parseMembers } from '../../../schemas/json/json.ts';
import { JsonBytesReader } from '../../../schemas/json/json-bytes.ts';
import type { EventMembers } from '../../../schemas/json/members.ts';
import { parseTimestamp } from '../../../schemas/json/timestamps.ts';

/** What the careful reader makes of the bytes: the judge. Null where it refuses them, or they are no object. */
function careful(bytes: Uint8Array): EventMembers | null {
  const text = Buffer.from(bytes);
  if (!text.equals(Buffer.from(text.toString('utf8')))) return null;
  try {
    const members = parseMembers(text.toString('utf8'), memberPositions);
    return members === null
      ? null
      : members.map((member, at) => (at === positionOf('timestamp') ? timed(member) : member));
  } catch (error) {
    expect(error).toBeInstanceOf(JsonSyntaxError);
    return null;
  }
}

/** A usual time is read as its instant at once. */
function timed<T>(member: T): T | number {
  const instant = typeof member === 'string' ? parseTimestamp(member) : undefined;
  return instant ?? member;
}

/** The quick reader may pass, but never differ; a time that is not written as usual stays a text. */
function expectSame(reader: JsonBytesReader, bytes: Uint8Array): EventMembers | null {
  const quick = reader.members(bytes);
  if (quick !== null)
    expect(Array.from(quick, (member, at) => (at === positionOf('timestamp') ? timed(member) : member))).toEqual(
      careful(bytes),
    );
  return quick;
}

/** The bytes amid others, as records lie in a batch; what follows would carry on many a text that is cut. */
function amid(bytes: Uint8Array): Uint8Array {
  const batch = Buffer.concat([Buffer.from('{"x":"'), bytes, Buffer.from('  ","y":12}}"]}')]);
  return new Uint8Array(batch.buffer, batch.byteOffset + 6, bytes.length);
}

const name = fc.oneof(
  fc.constantFrom(...memberPositions.keys(), '', 'a', 'évent', 'unknown', '__proto__', 'constructor', '1'),
  fc.string({ maxLength: 5 }),
);
const time = fc.date({ min: new Date(0), max: new Date(Date.UTC(2250, 0, 1)), noInvalidDate: true });
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom(
    '',
    '1',
    '02',
    'vru',
    'line',
    '12345678',
    'x'.repeat(48),
    'y'.repeat(49),
    '0',
    'service.started',
    '\\',
    '"',
  ),
  time.map(date => date.toISOString()),
);
const spelledNumber = fc.constantFrom('0', '-0', '1.50', '1e3', '-1.5E+07', '123456789012345678901234567890', '180');
const spelledText = fc.oneof(
  text.map(value => JSON.stringify(value)),
  text.map(
    value =>
      `"${Array.from(value.split(''), unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`,
  ),
);
const { value } = fc.letrec<{ value: string }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    spelledText,
    spelledNumber,
    fc.constantFrom('true', 'false', 'null'),
    fc.array(tie('value'), { maxLength: 3 }).map(items => `[${items.join(',')}]`),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map(members => objectOf(members, '')),
  ),
}));
const space = fc.constantFrom('', '', '', ' ', '\n\t\r ');
const record = fc
  .tuple(fc.array(fc.tuple(name, value), { maxLength: 8 }), space)
  .map(([members, gap]) => `${gap}${objectOf(members, gap)}${gap}`);

function objectOf(members: readonly (readonly [string, string])[], gap: string): string {
  return `{${members.map(([key, spelled]) => `${gap}${JSON.stringify(key)}${gap}:${gap}${spelled}${gap}`).join(',')}}`;
}

const damage = fc.tuple(
  fc.nat(200),
  fc.nat(3),
  fc.oneof(fc.constantFrom(...Buffer.from('"\\{}[],: 0e-.+tn\u0001\n'), 0, 0x80, 0xc3, 0xff), fc.nat(255)),
);

/** Some bytes taken away at a place, and one put there. */
function damaged(bytes: Buffer, [at, taken, byte]: readonly [number, number, number]): Buffer {
  const place = at % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, place), Buffer.from([byte]), bytes.subarray(place + taken)]);
}

describe('compared with parseMembers', () => {
  test('reads every valid record, whatever it read before', () => {
    const reader = new JsonBytesReader(memberPositions);
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), records => {
        for (const each of records) expect(expectSame(reader, amid(Buffer.from(each))), each).not.toBeNull();
      }),
      { numRuns: 1500 },
    );
  });

  test('returns null for every record that parseMembers refuses, and else the same members', () => {
    const reader = new JsonBytesReader(memberPositions);
    fc.assert(
      fc.property(record, fc.array(damage, { minLength: 1, maxLength: 3 }), (whole, damages) => {
        const bytes = damages.reduce(damaged, Buffer.from(whole));
        expectSame(reader, amid(bytes));
        expectSame(reader, bytes);
      }),
      { numRuns: 5000 },
    );
  });

  test('a record cut anywhere is refused', () => {
    const reader = new JsonBytesReader(memberPositions);
    const whole = Buffer.from(
      '{"event":"service.started","est_duration":18,"extensions":{"a":[1,true,"ü\\n"]},"to":null}',
    );
    expect(expectSame(reader, amid(whole))).not.toBeNull();
    for (let length = 0; length < whole.length; length += 1)
      expect([length, reader.members(amid(whole.subarray(0, length)))]).toEqual([length, null]);
  });
});

test.each([
  ['bytes that are no UTF-8 in a text', Buffer.from('{"event":"a\xff"}', 'latin1')],
  ['bytes of zero where a name should be', Buffer.from('{"":1,\0\0\0:2}')],
  ['no object', Buffer.from('["event"]')],
  ['a lone surrogate', Buffer.from('{"event":"\\ud800"}')],
  ['two objects', Buffer.from('{}{}')],
  ['a byte-order mark', Buffer.from('\ufeff{}')],
  ['nothing', Buffer.alloc(0)],
])('falls back to parseMembers: %s', (_, bytes) => {
  const reader = new JsonBytesReader(memberPositions);
  reader.members(Buffer.from('{"":1,"":2,"event":"a"}'));
  expect(reader.members(bytes)).toBeNull();
  expect(reader.members(bytes)).toBeNull();
});

test('falls back to parseMembers for deep nesting, whose depth that counts', () => {
  const nested = (depth: number) => Buffer.from(`{"extensions":${'['.repeat(depth)}${']'.repeat(depth)}}`);
  const reader = new JsonBytesReader(memberPositions);
  expect(expectSame(reader, nested(40))).not.toBeNull();
  expect(reader.members(nested(511))).toBeNull();
  expect(reader.members(nested(100_000))).toBeNull();
});

test('remembers a bounded number of names, and still reads members with other names', () => {
  const reader = new JsonBytesReader(memberPositions);
  for (let round = 0; round < 30; round += 1) {
    const names = Array.from({ length: 100 }, (_, index) => `"name ${round * 100 + index}":${index}`);
    expectSame(reader, Buffer.from(`{${names.join(',')},"event":"e${round}","${'long'.repeat(100)}":1}`));
  }
  expect(reader.members(Buffer.from('{"name 2999":1,"event":"last"}'))?.[positionOf('event')]).toBe('last');
});

test('reads all lines of the month of calls', () => {
  const lines = gunzipSync(readFileSync('test/golden/calls/calls-august.ndjson.gz')).toString('latin1').split('\n');
  const reader = new JsonBytesReader(memberPositions);
  for (const line of lines.slice(0, 20_000)) expect(expectSame(reader, Buffer.from(line, 'latin1'))).not.toBeNull();
});
