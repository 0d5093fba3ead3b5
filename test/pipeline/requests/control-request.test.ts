import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parameterNames } from '../../../pipeline/export/parameter-table.ts';
import { readParameters } from '../../../pipeline/export/parameters.ts';
import { readControlRequest } from '../../../pipeline/requests/control-request.ts';
import { readControlSchema } from '../../../schemas/avro/files.ts';
import { avroWriter, compiled, schemaText, wireBytes } from '../../support/avro.ts';

const request = avroWriter(readControlSchema('control.request'));
const ours = new Map([
  [1, compiled(readControlSchema('control.request'))],
  [2, compiled(schemaText('service.deleted'))],
]);
/** A request that gives no parameter. */
const nothing = Object.fromEntries(parameterNames.map(name => [name, null]));

const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
const read = (key: string | null, value: string | null) =>
  readControlRequest({ key: bytes(key), value: bytes(value) }, null);
const readAvro = (key: string, id: number, value: object) =>
  readControlRequest({ key: bytes(key), value: wireBytes(id, request.toBuffer(value)) }, ours);

describe('a request (contract 5.16)', () => {
  test.each([
    ['text', '{"action":"export","file_prefix":"a/b_"}', { file_prefix: 'a/b_' }],
    ['true and false', '{"header":true,"manifest":false,"action":"export"}', { header: 'true', manifest: 'false' }],
    ['numbers, as spelled', '{"action":"export","x":1.50,"y":9007199254740993}', { x: '1.50', y: '9007199254740993' }],
    ['null, which is not there', '{"action":"export","time_to":null}', {}],
    ['a repeated name: the last', '{"action":"cancel","action":"export","x":"1","x":"2"}', { x: '2' }],
    [
      'a name from the prototype of objects',
      '{"action":"export","__proto__":"x"}',
      Object.fromEntries([['__proto__', 'x']]),
    ],
  ])('export with %s', (_, value, given) => {
    expect(read('id', value)).toEqual({ kind: 'export', requestId: 'id', given });
  });

  test('cancel (contract 5.3)', () => {
    expect(read('ü/1', ' {"action":"cancel"}\n')).toEqual({ kind: 'cancel', requestId: 'ü/1' });
  });

  test.each([
    ['no value', null, 'the record has no value'],
    ['no bytes', '', 'the value is not JSON: the JSON text ends too early'],
    ['no JSON', '{"action":"export"', 'the value is not JSON'],
    ['a byte-order mark', '\ufeff{"action":"cancel"}', 'the value is not JSON'],
    ['no object', '["export"]', 'the value is JSON but not an object'],
    ['no action', '{}', 'action is absent; allowed are export, cancel, replay'],
    ['action in another case', '{"action":"Export"}', 'action is "Export"'],
    ['action null', '{"action":null}', 'action is null'],
    ['an array and an object', '{"action":"export","a":[1],"b":{}}', 'a is [1]; allowed are text.*; b is {}'],
    ['parameters of a cancellation', '{"action":"cancel","header":true}', 'header: cancel takes no parameters'],
  ])('with %s is faulty, with a message', (_, value, words) => {
    const faulty = {
      kind: 'faulty',
      requestId: 'id',
      message: expect.stringMatching(words.replaceAll(/[[\]{}]/g, '\\$&')),
    };
    expect(read('id', value)).toMatchObject(faulty);
  });
});

describe('a record without a usable request id (contract 5.3)', () => {
  test.each([
    ['no key', null, '{"action":"export"}', 'NO_KEY'],
    ['no key and no JSON', null, '{', 'MALFORMED'],
    ['neither key nor value', null, null, 'MALFORMED'],
  ])('%s', (_, key, value, reason) => {
    expect(read(key, value)).toMatchObject({ kind: 'unanswerable', reject: { reason, field: null } });
  });

  test.each([
    ['that is empty', Buffer.alloc(0)],
    ['that is not UTF-8', Buffer.from([0xff])],
    ['of 257 bytes', Buffer.from(`${'ü'.repeat(128)}x`)],
    ['of 530 kB', Buffer.alloc(530_000, 0x78)],
    ['with a line feed', Buffer.from('a\nb')],
    ['with a control character beyond ASCII', Buffer.from('a\u0085b')],
    ['.', Buffer.from('.')],
    ['..', Buffer.from('..')],
  ])('a key %s', (_, key) => {
    const reject = { reason: 'BAD_FIELD', field: 'request_id' };
    const read = readControlRequest({ key, value: Buffer.from('{"action":"cancel"}') }, null);
    expect(read).toMatchObject({ kind: 'unanswerable', reject });
    expect(read.kind === 'unanswerable' && read.reject.message.length).toBeLessThan(300);
  });

  test.each(['ü'.repeat(128), '...', ' a b ', '😀/?#'])('%s can be used', id => {
    expect(read(id, '{"action":"cancel"}')).toEqual({ kind: 'cancel', requestId: id });
  });
});

describe('a request as Avro (contract 5.16)', () => {
  test('is read like the same request as JSON', () => {
    const from = { long: Date.parse('2026-03-01T00:00:00Z') };
    const value = { ...nothing, action: 'export', file_prefix: { string: 'a_' }, time_from: from };
    const given = { file_prefix: 'a_', time_from: '2026-03-01T00:00:00.000Z', header: 'true', wait: 'none' };
    expect(readAvro('id', 1, { ...value, header: { boolean: true }, wait: { string: 'none' } })).toEqual({
      kind: 'export',
      requestId: 'id',
      given,
    });
    expect(readAvro('id', 1, { ...nothing, action: 'cancel' })).toEqual({ kind: 'cancel', requestId: 'id' });
  });

  test('with a schema of a client is found by the end of its name and by aliases, and keeps unknown parameters', () => {
    const theirs = {
      ...{ type: 'record', name: 'com.example.control.request' },
      fields: [
        { name: 'colour', type: 'string' },
        { name: 'what', aliases: ['action'], type: 'string' },
        { name: 'sizes', type: { type: 'array', items: 'int' } },
      ],
    };
    const schemas = new Map([[7, compiled(theirs)]]);
    const value = wireBytes(7, avroWriter(theirs).toBuffer({ colour: 'red', what: 'export', sizes: [1, 2] }));
    expect(readControlRequest({ key: bytes('id'), value }, schemas)).toMatchObject({
      kind: 'faulty',
      message: 'sizes is an Avro array; allowed are text, true, false and numbers',
    });
    const cut = { ...theirs, fields: theirs.fields.slice(0, 2) };
    const small = wireBytes(7, avroWriter(cut).toBuffer({ colour: 'red', what: 'export' }));
    expect(readControlRequest({ key: bytes('id'), value: small }, new Map([[7, compiled(cut)]]))).toEqual({
      kind: 'export',
      requestId: 'id',
      given: { colour: 'red' },
    });
  });

  test.each([
    ['before 1970', -1, '1969-12-31T23:59:59.999Z'],
    ['after 2200', Date.UTC(2201, 0, 1), '2201-01-01T00:00:00.000Z'],
    ['the first that text can hold', -62_167_219_200_000, '0000-01-01T00:00:00.000Z'],
    ['the last that text can hold', Date.UTC(10_000, 0, 1) - 1, '9999-12-31T23:59:59.999Z'],
  ])('an instant %s is read like the same time as text', (_, instant, text) => {
    const value = { ...nothing, action: 'export', file_prefix: { string: 'a_' }, time_from: { long: instant } };
    const asked = readAvro('id', 1, value);
    expect(asked).toMatchObject({ given: { time_from: text } });
    const { given } = asked as { readonly given: Readonly<Record<string, string>> };
    expect(readParameters(given, instant + 1)).toMatchObject({ parameters: { timeFrom: instant } });
  });

  test.each([Date.UTC(10_000, 0, 1), -62_167_219_200_001])(
    '%i, which cannot be written as a time, stays a number, which is refused later',
    instant => {
      const value = { ...nothing, action: 'export', time_to: { long: instant } };
      expect(readAvro('id', 1, value)).toMatchObject({ given: { time_to: String(instant) } });
    },
  );

  const good = wireBytes(1, request.toBuffer({ ...nothing, action: 'cancel' }));
  test.each([
    ['bytes missing', good.subarray(0, -1), 'MALFORMED', 'ends too early'],
    ['bytes left over', Buffer.concat([good, good]), 'MALFORMED', 'left over'],
    ['half a head', good.subarray(0, 3), 'MALFORMED', 'a schema id of four bytes'],
    [
      'a schema that is not there',
      Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), good.subarray(5)]),
      'UNKNOWN_SCHEMA',
      '9',
    ],
    [
      'an event',
      wireBytes(2, avroWriter(schemaText('service.deleted')).toBuffer({ service_id: { string: 's' } })),
      'UNKNOWN_KIND',
      'an Avro record service.deleted; allowed is an Avro record control.request',
    ],
  ])('with %s is faulty with a key, and unanswerable without', (_, value, reason, words) => {
    expect(readControlRequest({ key: bytes('id'), value }, ours)).toEqual({
      kind: 'faulty',
      requestId: 'id',
      action: null,
      message: expect.stringContaining(words),
    });
    expect(readControlRequest({ key: null, value }, ours)).toMatchObject({ kind: 'unanswerable', reject: { reason } });
  });

  test('without a registry is faulty', () => {
    expect(readControlRequest({ key: bytes('id'), value: good }, null)).toMatchObject({
      message: 'the value begins as Avro does, but no schema registry is configured; set registry_url',
    });
    expect(readControlRequest({ key: null, value: good }, ours)).toMatchObject({ reject: { reason: 'NO_KEY' } });
  });
});

test('no bytes make it throw', () => {
  const avroBytes = fc.uint8Array().map(value => wireBytes(1, value));
  const half = fc.option(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from), avroBytes));
  fc.assert(
    fc.property(half, half, (key, value) => {
      expect(['export', 'cancel', 'faulty', 'unanswerable']).toContain(readControlRequest({ key, value }, ours).kind);
    }),
  );
});
