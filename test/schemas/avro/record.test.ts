import { describe, expect, test } from 'vitest';
import type { KeyFormat } from '../../../schemas/cures.ts';
import { decodeRecord } from '../../../schemas/decode.ts';
import { isReject } from '../../../schemas/events/decode-members.ts';
import { avroWriter, compiled, wireBytes } from '../../support/avro.ts';
import { startedWith, whole } from '../../support/avro-events.ts';

const key = { string: 21, long: 22, nullable: 23, record: 24, bytes: 25, boolean: 26, double: 27 };
const keyTypes = {
  string: '"string"',
  long: '"long"',
  nullable: '["null","string","int"]',
  record: '{"type":"record","name":"R","fields":[]}',
  bytes: '"bytes"',
  boolean: '"boolean"',
  double: '"double"',
};
const schemas = new Map([
  [7, compiled(startedWith())],
  [8, compiled({ type: 'record', name: 'Other', fields: [] })],
  ...Object.entries(keyTypes).map(([name, text]) => [key[name as keyof typeof key], compiled(text)] as const),
]);

const keyOf = (name: keyof typeof key, value: unknown) =>
  wireBytes(key[name], avroWriter(keyTypes[name]).toBuffer(value));
const started = wireBytes(7, avroWriter(startedWith()).toBuffer(whole));
const json = Buffer.from('{"event":"service.started","service_id":"s","timestamp":"2026-03-01T00:00:00Z"}');
const unknown = wireBytes(99, Buffer.from([1, 2, 3]));
const cut = started.subarray(0, started.length - 1);

function outcome(record: {
  key?: Uint8Array | null;
  value: Uint8Array | null;
  format?: KeyFormat;
  registry?: boolean;
}) {
  const { key = null, value, format = 'avro', registry = true } = record;
  const decoded = decodeRecord(
    { timestamp: null, key, value },
    { keyFormat: format, schemas: registry ? schemas : null },
  );
  return isReject(decoded) ? [decoded.reason, decoded.field] : decoded.kind;
}

describe('the reasons, in their order (contract 1.17)', () => {
  test.each([
    ['an event', { value: started }, 'service.started'],
    ['JSON in the same topic', { value: json }, 'service.started'],
    ['a zero byte alone', { value: Buffer.from([0]) }, ['MALFORMED', null]],
    ['a head cut short', { value: Buffer.from([0, 0, 0, 7]) }, ['MALFORMED', null]],
    ['a head alone', { value: Buffer.from([0, 0, 0, 0, 7]) }, ['MALFORMED', null]],
    ['bytes missing', { value: cut }, ['MALFORMED', null]],
    ['bytes left over', { value: Buffer.concat([started, started]) }, ['MALFORMED', null]],
    ['another magic byte', { value: Buffer.from([1, ...started.subarray(1)]) }, ['MALFORMED', null]],
    ['an id that does not exist', { value: unknown }, ['UNKNOWN_SCHEMA', null]],
    ['the greatest id', { value: Buffer.from([0, 255, 255, 255, 255, 0]) }, ['UNKNOWN_SCHEMA', null]],
    ['a malformed key before an unknown value', { key: Buffer.from('s'), value: unknown }, ['MALFORMED', null]],
    ['a malformed value before an unknown key', { key: unknown, value: cut }, ['MALFORMED', null]],
    ['an unknown key', { key: unknown, value: started }, ['UNKNOWN_SCHEMA', null]],
    ['an unknown key of JSON', { key: unknown, value: json }, ['UNKNOWN_SCHEMA', null]],
    ['an unknown key of no value', { key: unknown, value: null }, ['UNKNOWN_SCHEMA', null]],
    [
      'an unknown key before another kind',
      { key: unknown, value: wireBytes(8, Buffer.alloc(0)) },
      ['UNKNOWN_SCHEMA', null],
    ],
    ['another kind', { value: wireBytes(8, Buffer.alloc(0)) }, ['UNKNOWN_KIND', 'event']],
    ['another kind with bytes left over', { value: wireBytes(8, Buffer.alloc(1)) }, ['MALFORMED', null]],
    ['Avro without a registry', { value: started, registry: false, format: 'string' }, ['MALFORMED', null]],
  ] as const)('%s', (_, record, wanted) => {
    expect(outcome(record)).toEqual(wanted);
  });
});

describe('an Avro key (contract 1.2, 1.3)', () => {
  const withId = (id: string) => wireBytes(7, avroWriter(startedWith()).toBuffer({ ...whole, service_id: id }));
  const long = 9_007_199_254_740_993n;
  test.each([
    ['the same string', keyOf('string', 's'), started, 'service.started'],
    ['another string', keyOf('string', 't'), started, ['KEY_MISMATCH', null]],
    ['an empty string', keyOf('string', ''), started, ['KEY_MISMATCH', null]],
    ['the same number', keyOf('long', long), withId(String(long)), 'service.started'],
    ['another number', keyOf('long', long + 1n), withId(String(long)), ['KEY_MISMATCH', null]],
    ['null is absent', keyOf('nullable', null), started, 'service.started'],
    ['one branch of a union', keyOf('nullable', { string: 's' }), started, 'service.started'],
    ['an int', keyOf('nullable', { int: 5 }), withId('5'), 'service.started'],
    ['a double is no service_id', keyOf('double', 5), withId('5'), ['KEY_MISMATCH', null]],
    ['a boolean is no service_id', keyOf('boolean', true), started, ['KEY_MISMATCH', null]],
    ['a record', keyOf('record', {}), started, ['MALFORMED', null]],
    ['bytes', keyOf('bytes', Buffer.from('s')), started, ['MALFORMED', null]],
    ['not in the wire format', Buffer.from('s'), started, ['MALFORMED', null]],
    ['empty', Buffer.alloc(0), started, ['MALFORMED', null]],
    ['cut short', keyOf('string', 'service').subarray(0, 8), started, ['MALFORMED', null]],
    ['left over', Buffer.concat([keyOf('string', 's'), Buffer.from([0])]), started, ['MALFORMED', null]],
    ['with a JSON value', keyOf('string', 's'), json, 'service.started'],
    ['of a tombstone', keyOf('string', 's'), null, 'service.deleted'],
    ['of a tombstone, a number', keyOf('long', long), null, 'service.deleted'],
    ['of a tombstone, a double', keyOf('double', 5), null, ['KEY_MISMATCH', null]],
    ['of a tombstone, a boolean', keyOf('boolean', true), null, ['KEY_MISMATCH', null]],
    ['of a tombstone, empty', keyOf('string', ''), null, ['KEY_MISMATCH', null]],
    ['of a tombstone, null', keyOf('nullable', null), null, ['NO_KEY', null]],
  ] as const)('%s', (_, given, value, wanted) => {
    expect(outcome({ key: given, value })).toEqual(wanted);
  });

  test('of a schema that is not Avro is malformed', () => {
    const broken = new Map([...schemas, [9, compiled('{"type":"object"}')] as const]);
    const decoded = decodeRecord(
      { timestamp: null, key: wireBytes(9, Buffer.alloc(0)), value: started },
      { keyFormat: 'avro', schemas: broken },
    );
    expect(decoded).toMatchObject({
      reason: 'MALFORMED',
      message: expect.stringMatching(/^the key is of a schema that cannot be read as Avro/),
    });
  });

  test('is not read as Avro when key_format is string, whatever its bytes', () => {
    expect(outcome({ key: keyOf('string', 's'), value: started, format: 'string' })).toEqual(['KEY_MISMATCH', null]);
    expect(outcome({ key: Buffer.from('s'), value: started, format: 'string' })).toBe('service.started');
  });
});

test('messages name the schema id and the part of the record', () => {
  const decoded = decodeRecord({ timestamp: null, key: null, value: unknown }, { keyFormat: 'string', schemas });
  expect(decoded).toMatchObject({
    message: expect.stringContaining('the schema registry has no schema 99, which the value names'),
  });
});
