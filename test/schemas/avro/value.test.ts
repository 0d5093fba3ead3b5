import { describe, expect, test } from 'vitest';
import { decodeRecord } from '../../../schemas/decode.ts';
import { avroWriter, compiled, wireBytes } from '../../support/avro.ts';
import { instant, startedWith, through, timestampMillis, whole } from '../../support/avro-events.ts';

describe('an id or code (contract 1.5, 1.8)', () => {
  const max = 2n ** 63n - 1n;
  test.each<[string, unknown, unknown, unknown]>([
    ['string', 'string', '', ''],
    ['string with NUL', 'string', 'a\0b', 'a\0b'],
    ['int', 'int', -5, '-5'],
    ['long', 'long', max, String(max)],
    ['least long', 'long', -max - 1n, String(-max - 1n)],
    ['null', ['null', 'string'], null, undefined],
    ['int of an ambiguous union', ['null', 'int', 'long'], { int: 3 }, '3'],
    ['long of an ambiguous union', ['null', 'int', 'long'], { long: 9_007_199_254_740_993n }, '9007199254740993'],
    ['enum', { type: 'enum', name: 'E', symbols: ['gold', 'silver'] }, 'silver', 'silver'],
    ['enum or string', ['string', { type: 'enum', name: 'E', symbols: ['gold'] }], { 'service.E': 'gold' }, 'gold'],
    ['date, kept as its number', { type: 'int', logicalType: 'date' }, 20_000, '20000'],
    ['uuid', { type: 'string', logicalType: 'uuid' }, 'u', 'u'],
    ['double', 'double', 1.5, ['BAD_FIELD', 'customer_id']],
    ['double without a fraction', 'double', 5, ['BAD_FIELD', 'customer_id']],
    ['float', 'float', 2, ['BAD_FIELD', 'customer_id']],
    ['NaN', 'double', Number.NaN, ['BAD_FIELD', 'customer_id']],
    ['boolean', 'boolean', true, ['BAD_FIELD', 'customer_id']],
    ['bytes', 'bytes', Buffer.from('7'), ['BAD_FIELD', 'customer_id']],
    ['fixed', { type: 'fixed', name: 'F', size: 1 }, Buffer.from('7'), ['BAD_FIELD', 'customer_id']],
    ['array', { type: 'array', items: 'string' }, ['a'], ['BAD_FIELD', 'customer_id']],
    ['map', { type: 'map', values: 'string' }, { a: 'b' }, ['BAD_FIELD', 'customer_id']],
    ['record', { type: 'record', name: 'R', fields: [] }, {}, ['BAD_FIELD', 'customer_id']],
  ])('%s', (_, type, given, wanted) => {
    const found = through(startedWith({ name: 'customer_id', type }), { ...whole, customer_id: given });
    expect(Array.isArray(found) ? found : 'fields' in found && found.fields[1]).toEqual(wanted);
  });

  test('that is a double is shown as a number when it is refused', () => {
    const schema = startedWith({ name: 'customer_id', type: 'double' });
    const value = wireBytes(7, avroWriter(schema).toBuffer({ ...whole, customer_id: 5 }));
    const schemas = new Map([[7, compiled(schema)]]);
    expect(decodeRecord({ timestamp: null, key: null, value }, { keyFormat: 'string', schemas })).toMatchObject({
      message: 'customer_id is 5.0; allowed is a string or a signed 64-bit integer',
    });
  });
});

describe('timestamp (contract 1.5)', () => {
  const stamped = (type: unknown, timestamp: unknown) => {
    const fields = [
      { name: 'service_id', type: 'string' },
      { name: 'timestamp', type },
    ];
    return through({ type: 'record', name: 'service.started', fields }, { service_id: 's', timestamp });
  };
  test.each<[string, unknown, unknown, unknown]>([
    ['timestamp-millis', timestampMillis, instant, instant],
    ['the first instant', timestampMillis, 0, 0],
    ['the last instant', timestampMillis, Date.UTC(2201, 0, 1) - 1, Date.UTC(2201, 0, 1) - 1],
    ['one of two branches', ['null', timestampMillis], { long: instant }, instant],
    ['null', ['null', timestampMillis], null, ['MISSING_FIELD', 'timestamp']],
    ['before 1970', timestampMillis, -1, ['BAD_FIELD', 'timestamp']],
    ['after 2200', timestampMillis, Date.UTC(2201, 0, 1), ['BAD_FIELD', 'timestamp']],
    ['a long alone', 'long', BigInt(instant), ['BAD_FIELD', 'timestamp']],
    ['timestamp-millis of an int', { type: 'int', logicalType: 'timestamp-millis' }, 5, ['BAD_FIELD', 'timestamp']],
    [
      'timestamp-millis of a string',
      { type: 'string', logicalType: 'timestamp-millis' },
      'x',
      ['BAD_FIELD', 'timestamp'],
    ],
    ['timestamp-micros', { type: 'long', logicalType: 'timestamp-micros' }, instant * 1000, ['BAD_FIELD', 'timestamp']],
    [
      'local-timestamp-millis',
      { type: 'long', logicalType: 'local-timestamp-millis' },
      instant,
      ['BAD_FIELD', 'timestamp'],
    ],
    ['a string, even of RFC 3339', 'string', '2026-03-01T00:00:00Z', ['BAD_FIELD', 'timestamp']],
    ['a double', 'double', instant, ['BAD_FIELD', 'timestamp']],
  ])('%s', (_, type, given, wanted) => {
    const found = stamped(type, given);
    expect(Array.isArray(found) ? found : 'occasion' in found && found.occasion.timestamp).toEqual(wanted);
  });

  test('beyond 53 bits is refused', () => {
    const fields = [
      { name: 'service_id', type: 'string' },
      { name: 'timestamp', type: timestampMillis },
    ];
    const schema = { type: 'record', name: 'service.started', fields };
    const bytes = Buffer.concat([avroWriter('"string"').toBuffer('s'), avroWriter('"long"').toBuffer(2n ** 62n)]);
    const record = { timestamp: null, key: null, value: wireBytes(7, bytes) };
    const schemas = new Map([[7, compiled(schema)]]);
    expect(decodeRecord(record, { keyFormat: 'string', schemas })).toMatchObject({
      reason: 'BAD_FIELD',
      field: 'timestamp',
    });
  });
});

describe('durations (contract 1.9)', () => {
  test.each<[unknown, unknown, unknown]>([
    ['long', 90n, 90],
    ['int', 0, 0],
    ['long', 2n ** 53n - 1n, Number.MAX_SAFE_INTEGER],
    ['long', 2n ** 53n, ['BAD_FIELD', 'est_duration']],
    ['long', -1n, ['BAD_FIELD', 'est_duration']],
    ['double', 90, ['BAD_FIELD', 'est_duration']],
    ['string', '90', ['BAD_FIELD', 'est_duration']],
  ])('%s %s', (type, given, wanted) => {
    const found = through(startedWith({ name: 'est_duration', type }), { ...whole, est_duration: given });
    expect(Array.isArray(found) ? found : 'fields' in found && found.fields[3]).toEqual(wanted);
  });
});

describe('JSON in Avro (contract 1.5, 1.13)', () => {
  const extended = (text: string) =>
    through(startedWith({ name: 'extensions', type: 'string' }), { ...whole, extensions: text });
  test('keeps the spelling of numbers and the order of members', () => {
    expect(extended('{"b":1.50,"1":[1e3]}')).toMatchObject({
      extensions: new Map<string, unknown>([
        ['b', { text: '1.50' }],
        ['1', [{ text: '1e3' }]],
      ]),
    });
  });

  test.each([
    ['no JSON', '{'],
    ['empty', ''],
    ['NaN', '{"a":NaN}'],
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['no object', '[1]'],
    ['an empty name', '{"":1}'],
    ['too deep', `{"a":${'['.repeat(512)}${']'.repeat(512)}}`],
  ])('extensions that are %s are a BAD_FIELD', (_, text) => {
    expect(extended(text)).toEqual(['BAD_FIELD', 'extensions']);
  });

  test('extensions that are the text null are absent', () => {
    expect(extended('null')).toMatchObject({ kind: 'service.started', extensions: null });
  });

  test('extensions that are a map of Avro are refused', () => {
    const schema = startedWith({ name: 'extensions', type: { type: 'map', values: 'string' } });
    expect(through(schema, { ...whole, extensions: { a: 'b' } })).toEqual(['BAD_FIELD', 'extensions']);
  });

  const update = (type: unknown, value: unknown) => {
    const fields = ['service_id', 'entity', 'name'].map(name => ({ name, type: 'string' }));
    const own = type === undefined ? [] : [{ name: 'value', type }];
    const schema = { type: 'record', name: 'extension.updated', fields: [...fields, ...own] };
    return through(schema, { service_id: 's', entity: 'service', name: 'n', value });
  };
  test.each<[string, unknown, unknown, unknown]>([
    ['a text', 'string', '{"a":1.0}', new Map([['a', { text: '1.0' }]])],
    ['the Avro null', ['null', 'string'], null, null],
    ['the text null', 'string', 'null', null],
    ['a text that is no JSON', 'string', 'plain', ['BAD_FIELD', 'value']],
    ['a long', 'long', 5n, ['BAD_FIELD', 'value']],
    ['dropped from the schema', undefined, undefined, ['MISSING_FIELD', 'value']],
  ])('the value of an extension is %s', (_, type, given, wanted) => {
    const found = update(type, given);
    expect(Array.isArray(found) ? found : 'value' in found && found.value).toEqual(wanted);
  });
});
