import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readControlRequest } from '../../pipeline/control-request.ts';

const bytes = (text: string | null) => (text === null ? null : Buffer.from(text));
const read = (key: string | null, value: string | null) => readControlRequest({ key: bytes(key), value: bytes(value) });

describe('a request', () => {
  test.each([
    ['text', '{"action":"export","file_prefix":"a/b_"}', { file_prefix: 'a/b_' }],
    ['true and false', '{"header":true,"manifest":false,"action":"export"}', { header: 'true', manifest: 'false' }],
    ['numbers, as spelled', '{"action":"export","x":1.50,"y":9007199254740993}', { x: '1.50', y: '9007199254740993' }],
    ['null, which is not there', '{"action":"export","time_to":null}', {}],
    ['a repeated name: the last', '{"action":"cancel","action":"export","x":"1","x":"2"}', { x: '2' }],
    ['a name of an object of ours', '{"action":"export","__proto__":"x"}', Object.fromEntries([['__proto__', 'x']])],
  ])('export with %s', (_, value, given) => {
    expect(read('id', value)).toEqual({ kind: 'export', requestId: 'id', given });
  });

  test('cancel', () => {
    expect(read('ü/1', ' {"action":"cancel"}\n')).toEqual({ kind: 'cancel', requestId: 'ü/1' });
  });

  test.each([
    ['no value', null, 'the record has no value'],
    ['no bytes', '', 'the value is no JSON: the JSON text ends too early'],
    ['no JSON', '{"action":"export"', 'the value is no JSON'],
    ['a byte-order mark', '\ufeff{"action":"cancel"}', 'the value is no JSON'],
    ['no object', '["export"]', 'the value is JSON but no object'],
    ['no action', '{}', 'action is absent; allowed are export, cancel, replay'],
    ['action in another case', '{"action":"Export"}', 'action is "Export"'],
    ['action null', '{"action":null}', 'action is null'],
    ['replay', '{"action":"replay"}', 'replay cannot be asked for on the control topic yet'],
    ['an array and an object', '{"action":"export","a":[1],"b":{}}', 'a is [1]; allowed are text.*; b is {}'],
    ['parameters of a cancellation', '{"action":"cancel","header":true}', 'header: cancel takes no parameters'],
  ])('with %s is faulty, in words', (_, value, words) => {
    const faulty = {
      kind: 'faulty',
      requestId: 'id',
      message: expect.stringMatching(words.replaceAll(/[[\]{}]/g, '\\$&')),
    };
    expect(read('id', value)).toEqual(faulty);
  });
});

describe('nobody can be answered', () => {
  test.each([
    ['no key', null, '{"action":"export"}', 'NO_KEY'],
    ['an empty key', '', '{"action":"nonsense"}', 'NO_KEY'],
    ['no key and no JSON', null, '{', 'MALFORMED'],
    ['neither key nor value', null, null, 'MALFORMED'],
  ])('%s', (_, key, value, reason) => {
    expect(read(key, value)).toMatchObject({ kind: 'unanswerable', reject: { reason, field: null } });
  });

  test('a key that is not UTF-8', () => {
    const value = Buffer.from('{"action":"cancel"}');
    expect(readControlRequest({ key: Buffer.from([0xff]), value })).toMatchObject({ reject: { reason: 'MALFORMED' } });
  });
});

test('whatever the bytes, a record is read', () => {
  const half = fc.option(fc.oneof(fc.uint8Array(), fc.json().map(Buffer.from)));
  fc.assert(
    fc.property(half, half, (key, value) => {
      expect(['export', 'cancel', 'faulty', 'unanswerable']).toContain(readControlRequest({ key, value }).kind);
    }),
  );
});
