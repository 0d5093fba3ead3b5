import { describe, expect, test } from 'vitest';
import type { KeyFormat } from '../../schemas/cures.ts';
import { decodeRecord } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/events/decode-members.ts';
import { avroWriter, compiled, schemaText, wireBytes } from '../support/avro.ts';
import { startedWith, whole } from '../support/avro-events.ts';

const started = '{"event":"service.started","service_id":"s","timestamp":"2026-03-01T00:00:00Z"}';

describe('a message names the cure', () => {
  const schema = new Map([[1, compiled('"string"')]]);
  const avroKey = wireBytes(1, avroWriter('"string"').toBuffer('s'));
  const message = (key: string | Uint8Array | null, value: string | Uint8Array | null, keyFormat: KeyFormat) => {
    const bytes = (given: string | Uint8Array | null) => (given === null ? null : Buffer.from(given));
    const record = { timestamp: null, key: bytes(key), value: bytes(value) };
    const decoded = decodeRecord(record, { keyFormat, schemas: keyFormat === 'avro' ? schema : null });
    return isReject(decoded) ? `${decoded.reason}: ${decoded.message}` : decoded.kind;
  };
  const must = 'they must be the same';

  test.each<[string, string | Uint8Array | null, string | Uint8Array | null, KeyFormat, string]>([
    [
      'a tombstone with an empty key',
      '',
      null,
      'string',
      'KEY_MISMATCH: the record has no value and its key is empty, so it is unknown which service to delete; the key must be its service_id',
    ],
    [
      'a tombstone without a key',
      null,
      null,
      'string',
      'NO_KEY: the record has neither key nor value, so it is unknown which service to delete; the key must be its service_id',
    ],
    [
      'a tombstone with a fraction for a key',
      '1.5',
      null,
      'json',
      'KEY_MISMATCH: the record has no value and its key is 1.5, so it is unknown which service to delete; the key must be its service_id: a string or a signed 64-bit integer; key_format is json: if keys are plain text, set it to string',
    ],
    [
      'a tombstone with an Avro key',
      avroKey,
      null,
      'string',
      'BAD_FIELD: service_id is "\\u0000\\u0000\\u0000\\u0000\\u0001\\u0002s"; allowed is a non-empty string without NUL, or a signed 64-bit integer; the key begins as Avro does: set key_format to avro',
    ],
    [
      'an empty key',
      '',
      started,
      'string',
      `KEY_MISMATCH: the record's key is "", its service_id "s"; ${must}; send no key at all, or this one`,
    ],
    [
      'a key that is the id as JSON',
      '"s"',
      started,
      'string',
      `KEY_MISMATCH: the record's key is "\\"s\\"", its service_id "s"; ${must}; the key is JSON: set key_format to json`,
    ],
    [
      'a key that is the id as Avro',
      avroKey,
      started,
      'string',
      `KEY_MISMATCH: the record's key is "\\u0000\\u0000\\u0000\\u0000\\u0001\\u0002s", its service_id "s"; ${must}; the key begins as Avro does: set key_format to avro`,
    ],
    ['another key', 't', started, 'string', `KEY_MISMATCH: the record's key is "t", its service_id "s"; ${must}`],
    [
      'another key as JSON',
      '"t"',
      started,
      'json',
      `KEY_MISMATCH: the record's key is "t", its service_id "s"; ${must}`,
    ],
    [
      'a fraction that is the id as text',
      '1.5',
      started.replace('"s"', '"1.5"'),
      'json',
      `KEY_MISMATCH: the record's key is 1.5, its service_id "1.5"; ${must}; the key is plain text: set key_format to string`,
    ],
    [
      'plain text where keys are JSON',
      's',
      started,
      'json',
      'MALFORMED: the key is not JSON: unexpected "s" at character 0; key_format is json: if keys are plain text, set it to string',
    ],
    [
      'Avro where keys are JSON',
      avroKey,
      started,
      'json',
      'MALFORMED: the key is not JSON: unexpected "\\u0000" at character 0; the key begins as Avro does: set key_format to avro',
    ],
    [
      'plain text where keys are Avro',
      's',
      started,
      'avro',
      'MALFORMED: the key does not begin with a zero byte and a schema id of four bytes; key_format is avro: if keys are plain text, set it to string',
    ],
    [
      'a broken Avro key',
      Buffer.concat([avroKey, avroKey]),
      started,
      'avro',
      'MALFORMED: 7 bytes are left over after the Avro value',
    ],
  ])('%s', (_, key, value, format, wanted) => {
    expect(message(key, value, format)).toBe(wanted);
  });

  const wire =
    "; if it is Avro, let the producer write the wire format (a zero byte and the schema's id in four bytes before the Avro data)";
  const uuid = '0b36ba9c-8f3e-4a51-9a5e-0b8f7d2c1a00';
  const bare = avroWriter(startedWith()).toBuffer({ ...whole, service_id: uuid });
  test.each<[string, Uint8Array | string, KeyFormat, string]>([
    ['Avro without its prefix', bare, 'avro', wire],
    ['Avro without its prefix, and no registry', bare, 'string', `${wire}, and set registry_url`],
    [
      "Avro with the prefix of Avro's own single-object encoding",
      Buffer.concat([Buffer.from([0xc3, 1]), Buffer.alloc(8), bare]),
      'avro',
      wire,
    ],
    ['a container file of Avro', Buffer.concat([Buffer.from('Obj\x01'), bare]), 'avro', wire],
    ['text that is no JSON', 'hello', 'avro', ''],
    ['JSON that is broken by a control character', '{"event":"\x01"}', 'avro', ''],
    ['JSON that is not UTF-8', Buffer.concat([Buffer.from('{"event":"'), Buffer.from([0xe4])]), 'avro', ''],
    ['nothing', '', 'avro', ''],
  ])('a value that is %s', (_, value, format, cure) => {
    const found = message(null, value, format);
    expect(found).toMatch(/^MALFORMED: /);
    expect(found.includes('; ') ? found.slice(found.indexOf('; ')) : '').toBe(cure);
  });

  test('a value without its prefix that begins with a zero byte all the same', () => {
    const value = avroWriter(schemaText('service.deleted')).toBuffer({ service_id: { string: uuid } });
    expect(message(null, value, 'avro')).toBe(
      'UNKNOWN_SCHEMA: the schema registry has no schema 1211130419, which the value names; check registry_url, and that the ' +
        "producer writes the wire format (a zero byte and the schema's id in four bytes before the Avro data)",
    );
  });

  test('Avro without a registry', () => {
    expect(message(null, wireBytes(1, bare), 'string')).toBe(
      'MALFORMED: the value begins as Avro does, but no schema registry is configured; set registry_url',
    );
  });
});
