import { describe, expect, test } from 'vitest';
import type { KeyFormat } from '../../schemas/cures.ts';
import { decodeRecord } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/events/decode-members.ts';
import { goldenLines, readGolden } from '../support/golden.ts';

interface Expected {
  readonly line: number;
  readonly outcome: string;
  readonly reason?: string;
  readonly field?: string;
}

const json = { keyFormat: 'string', schemas: null } as const;
const utf8 = (text: string | null) => (text === null ? null : Buffer.from(text));

function outcome(
  value: string | Uint8Array | null,
  more: { key?: string | null; timestamp?: number | null; format?: KeyFormat } = {},
) {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  const record = { timestamp: more.timestamp ?? null, key: utf8(more.key ?? null), value: bytes };
  const decoded = decodeRecord(record, { keyFormat: more.format ?? 'string', schemas: null });
  return isReject(decoded) ? [decoded.reason, decoded.field] : decoded;
}

const started = '{"event":"service.started","service_id":"s","timestamp":"2026-03-01T00:00:00Z"}';

// contract 1.6, 1.7, 1.8, 1.9, 1.10, 1.11, 1.12, 1.13, 1.14, 1.15, 1.16, 1.17
test('each line of the golden file is applied, or rejected with the reason and field of the expected file', () => {
  const lines = goldenLines('rejects/events.ndjson');
  const expected = readGolden<Expected[]>('rejects/expected.json');
  expect(lines.length).toBe(expected.length);
  const found = lines.map((value, index) => {
    const decoded = decodeRecord({ timestamp: null, key: null, value }, json);
    if (!isReject(decoded)) return { line: index + 1, outcome: 'applied' };
    const field = decoded.field === null ? {} : { field: decoded.field };
    return { line: index + 1, outcome: 'quarantined', reason: decoded.reason, ...field };
  });
  expect(found).toEqual(expected);
});

describe('keys and tombstones (contract 1.2, 1.3)', () => {
  test.each([
    ['absent key', started, null, 'string', 'service.started'],
    ['same key', started, 's', 'string', 'service.started'],
    ['other key', started, 't', 'string', ['KEY_MISMATCH', null]],
    ['empty key', started, '', 'string', ['KEY_MISMATCH', null]],
    ['JSON string key', started, '"s"', 'json', 'service.started'],
    ['JSON null key is absent', started, 'null', 'json', 'service.started'],
    ['JSON key that is no JSON', started, 's', 'json', ['MALFORMED', null]],
    ['JSON number key', started.replace('"s"', '7'), '7', 'json', 'service.started'],
    ['JSON object key', started, '{}', 'json', ['KEY_MISMATCH', null]],
    [
      'JSON key that cannot be an id, with the text of the service_id',
      started.replace('"s"', '"1.5"'),
      '1.5',
      'json',
      ['KEY_MISMATCH', null],
    ],
    ['tombstone', null, 's', 'string', 'service.deleted'],
    ['tombstone of a number', null, '7', 'json', 'service.deleted'],
    ['tombstone of a fraction', null, '1.5', 'json', ['KEY_MISMATCH', null]],
    ['tombstone of more than 64 bits', null, '9223372036854775808', 'json', ['KEY_MISMATCH', null]],
    ['tombstone of a word', null, 'true', 'json', ['KEY_MISMATCH', null]],
    ['tombstone of an object', null, '{}', 'json', ['KEY_MISMATCH', null]],
    ['tombstone without key', null, null, 'string', ['NO_KEY', null]],
    ['tombstone with an empty key', null, '', 'string', ['KEY_MISMATCH', null]],
    ['empty value', '', 's', 'string', ['MALFORMED', null]],
    [
      'a bad field comes before the key',
      '{"event":"service.started","service_id":""}',
      't',
      'string',
      ['MISSING_FIELD', 'timestamp'],
    ],
  ] as const)('%s', (_, value, key, format, wanted) => {
    const found = outcome(value, { key, format });
    expect(Array.isArray(found) ? found : found.kind).toEqual(wanted);
  });

  test('a key that is not UTF-8 is malformed', () => {
    const record = { timestamp: null, key: Buffer.from([0xff]), value: Buffer.from(started) };
    expect(decodeRecord(record, json)).toMatchObject({ reason: 'MALFORMED' });
  });
});

describe("the record's own time (contract 1.11)", () => {
  const untimed = '{"event":"service.started","service_id":"s"}';
  test.each([
    ['is used for an event without a timestamp', untimed, 1000, 1000],
    ['does not replace a timestamp that is given', started, 1000, Date.parse('2026-03-01T00:00:00Z')],
    ['counts as absent below 0', untimed, -1, ['MISSING_FIELD', 'timestamp']],
    ['must lie before 2201', untimed, Date.UTC(2201, 0, 1), ['BAD_FIELD', 'timestamp']],
    [
      'is not used for a kind whose time is not kept',
      '{"event":"service.associated","service_id":"s","customer_id":1}',
      1000,
      null,
    ],
  ])('%s', (_, value, timestamp, wanted) => {
    const found = outcome(value, { timestamp });
    expect(Array.isArray(found) ? found : 'occasion' in found && found.occasion.timestamp).toEqual(wanted);
  });
});

test('64-bit integers keep their digits, and -0 is 0 (contract 1.7, 1.8)', () => {
  const found = outcome(
    started.replace('"s"', '-9223372036854775808').replace('}', ',"customer_id":-0,"contact_key":9007199254740993}'),
  );
  expect(found).toMatchObject({
    service_id: '-9223372036854775808',
    fields: [undefined, '0', '9007199254740993', undefined],
  });
});

test('both sides of a transition are read', () => {
  const found = outcome(
    '{"event":"state.transitioned","service_id":"s","from":{"state_id":1,"disposition":2},"to":{"state_id":"b","est_duration":3},"timestamp":"2026-03-01T00:00:00Z","media_type":4}',
  );
  expect(found).toMatchObject({
    from: { id: '1', fields: ['2'] },
    to: { id: 'b', fields: [undefined, 3] },
    occasion: { values: expect.arrayContaining(['4']) },
  });
});

test('messages name the field, the value and what is allowed', () => {
  const decoded = decodeRecord(
    { timestamp: null, key: null, value: Buffer.from(started.replace('}', ',"service_type":true}')) },
    json,
  );
  expect(decoded).toMatchObject({ message: 'service_type is true; allowed is a string or a signed 64-bit integer' });
});

test('null counts as absent, except as the value of an extension (contract 1.12)', () => {
  const withNulls = started.replace('}', ',"customer_id":null,"media_type":null,"extensions":null}');
  expect(outcome(withNulls)).toEqual(outcome(started));
  expect(outcome(started.replace('"s"', 'null'))).toEqual(['MISSING_FIELD', 'service_id']);
  const update = '{"event":"extension.updated","service_id":"s","entity":"service","name":"n","value":null}';
  expect(outcome(update)).toMatchObject({ name: 'n', value: null });
});
