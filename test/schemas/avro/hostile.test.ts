import type { Type } from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileSchema, type WriterSchema } from '../../../schemas/avro/decoder.ts';
import { decodeRecord } from '../../../schemas/decode.ts';
import { type Decoded, isReject } from '../../../schemas/events/decode-members.ts';
import {
  type AvroText,
  asAvro,
  avroWriter,
  compiled,
  kinds,
  ourSchemas,
  schemaText,
  wireBytes,
} from '../../support/avro.ts';
import { startedWith, whole } from '../../support/avro-events.ts';
import { goldenLines } from '../../support/golden.ts';

const decode = (value: Uint8Array, schemas: ReadonlyMap<number, WriterSchema> = ourSchemas): Decoded =>
  decodeRecord({ timestamp: null, key: null, value }, { keyFormat: 'string', schemas });

const good = ['seed/events.ndjson', 'messy/events.ndjson']
  .flatMap(log => goldenLines(log).slice(0, 300))
  .map(line => asAvro(line)!);

/** Another reader of our schemas, by their kind. */
const readers = new Map<string, Type>(kinds.map(kind => [kind, avroWriter(schemaText(kind))]));

describe('no record crashes the reader', () => {
  test('whatever its bytes', () => {
    const record = fc.tuple(fc.integer({ min: 0, max: kinds.length + 1 }), fc.uint8Array({ maxLength: 80 }));
    fc.assert(
      fc.property(record, ([id, bytes]) => void decode(wireBytes(id, bytes))),
      { numRuns: 20_000 },
    );
  });

  test('whatever the bytes of its wire format head', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 8 }), bytes => void decode(Buffer.from([0, ...bytes]))));
  });

  test('with one byte changed it is a reject, or an event of the same kind that avsc can read too', () => {
    const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(10_000), fc.integer({ min: 0, max: 255 }));
    const seen = new Set<string>();
    fc.assert(
      fc.property(changed, ([which, position, byte]) => {
        const original = good[which]!;
        const bytes = Buffer.from(original);
        bytes[5 + (position % (bytes.length - 5))] = byte;
        const decoded = decode(bytes);
        seen.add(isReject(decoded) ? decoded.reason : decoded.kind);
        if (bytes.equals(original)) expect(decoded).toEqual(decode(original));
        if (isReject(decoded)) {
          expect(['MALFORMED', 'MISSING_FIELD', 'BAD_FIELD']).toContain(decoded.reason);
          expect(decoded.message).not.toBe('');
          return;
        }
        expect(decoded.kind).toBe(kinds[bytes.readUInt32BE(1) - 1]);
        expect(() => readers.get(decoded.kind)!.fromBuffer(bytes.subarray(5))).not.toThrow();
      }),
      { numRuns: 20_000 },
    );
    expect([...seen]).toEqual(expect.arrayContaining(['MALFORMED', 'BAD_FIELD']));
    expect([...seen].filter(outcome => readers.has(outcome)).length, 'kinds still read').toBeGreaterThan(5);
  });

  test('cut at any byte, or with one byte more, it is malformed', () => {
    for (const bytes of good.slice(0, 60)) {
      for (let end = 1; end < bytes.length; end += 1) {
        expect(decode(bytes.subarray(0, end))).toMatchObject({ reason: 'MALFORMED', field: null });
      }
      expect(decode(Buffer.concat([bytes, Buffer.from([0])]))).toMatchObject({
        reason: 'MALFORMED',
        message: '1 bytes are left over after the Avro value',
      });
    }
  });

  test('in the middle of a larger buffer it is decoded the same', () => {
    for (const bytes of good.slice(0, 60)) {
      const large = Buffer.concat([Buffer.alloc(7, 0xff), bytes, Buffer.alloc(7, 0xff)]);
      expect(decode(new Uint8Array(large.buffer, large.byteOffset + 7, bytes.length))).toEqual(decode(bytes));
    }
  });
});

describe('text that is not UTF-8 is malformed', () => {
  const schema = startedWith(
    { name: 'media_type', type: 'string' },
    { name: 'unknown', type: 'string' },
    { name: 'map', type: { type: 'map', values: 'null' } },
  );
  const value = avroWriter(schema).toBuffer({
    ...whole,
    media_type: '<one>',
    unknown: '<two>',
    map: { '<key>': null },
  });
  const schemas = new Map([[7, compiled(schema)]]);
  test.each(['<one>', '<two>', '<key>'])('in %s', text => {
    expect(isReject(decode(wireBytes(7, value), schemas))).toBe(false);
    const bytes = Buffer.from(value);
    bytes[bytes.indexOf(text)] = 0xc3;
    expect(decode(wireBytes(7, bytes), schemas)).toMatchObject({
      reason: 'MALFORMED',
      message: expect.stringMatching(/not UTF-8/),
    });
  });

  test('a replacement character in the data is text', () => {
    const sent = avroWriter(schema).toBuffer({ ...whole, media_type: '\ufffd', unknown: '\ufffd', map: {} });
    expect(decode(wireBytes(7, sent), schemas)).toMatchObject({
      occasion: { values: expect.arrayContaining(['\ufffd']) },
    });
  });
});

const array = (items: AvroText) => ({ type: 'array', items });
const list = { type: 'record', name: 'List', fields: [{ name: 'next', type: ['null', 'List'] }] };
const endless = { type: 'record', name: 'Endless', fields: ['one', 'two'].map(name => ({ name, type: 'Endless' })) };
/** Two of what two of what … two of what holds `innermost`: a million million of it. */
const doubling = (innermost: unknown) => {
  let type: unknown = innermost;
  for (let level = 0; level < 40; level += 1) {
    const name = `Level${level}`;
    type = {
      type: 'record',
      name,
      fields: [
        { name: 'one', type },
        { name: 'two', type: level === 0 ? type : `Level${level - 1}` },
      ],
    };
  }
  return type as object;
};
const fixed = (size: number) => ({ type: 'fixed', name: 'Fixed', size });
const record = (...types: readonly unknown[]) => ({
  type: 'record',
  name: 'Inner',
  fields: types.map((type, index) => ({ name: `f${index}`, type })),
});
const varint = (value: bigint) => avroWriter('"long"').toBuffer(value);
const huge = 2n ** 40n;

describe('a schema and a few bytes cannot keep the reader busy', () => {
  test.each<[string, AvroText, readonly Uint8Array[], string]>([
    ['2^40 nulls', array('null'), [varint(huge), varint(0n)], 'applied'],
    ['2^40 times nothing', array(record('null', fixed(0))), [varint(huge), varint(0n)], 'applied'],
    ['2^62 strings', array('string'), [varint(2n ** 62n), varint(0n)], 'MALFORMED'],
    ['2^40 strings in a block said to be short', array('string'), [varint(-huge), varint(1n), varint(0n)], 'MALFORMED'],
    ['a block whose size goes back', array('string'), [varint(-1n), varint(-9n), varint(0n)], 'MALFORMED'],
    [
      'a block whose size is too small',
      array('string'),
      [varint(-1n), varint(0n), varint(0n), varint(0n)],
      'MALFORMED',
    ],
    ['a block whose size is right', array('string'), [varint(-1n), varint(1n), varint(0n), varint(0n)], 'applied'],
    ['2^40 entries of a map', { type: 'map', values: 'null' }, [varint(huge), varint(0n)], 'MALFORMED'],
    ['a list of 512', list, [Buffer.alloc(511, 2), varint(0n)], 'applied'],
    ['a list of 513', list, [Buffer.alloc(512, 2), varint(0n)], 'MALFORMED'],
    ['a list of a million', list, [Buffer.alloc(1_000_000, 2), varint(0n)], 'MALFORMED'],
    ['a record that holds itself', endless, [], 'MALFORMED'],
    ['2^40 strings by doubling', doubling('string'), [Buffer.alloc(1000)], 'MALFORMED'],
    ['2^40 nulls by doubling', doubling('null'), [], 'applied'],
  ])('%s', (_, type, bytes, wanted) => {
    const schema = startedWith({ name: 'unknown', type });
    const value = Buffer.concat([avroWriter(startedWith()).toBuffer(whole), ...bytes]);
    const decoded = decode(wireBytes(7, value), new Map([[7, compiled(schema)]]));
    expect(isReject(decoded) ? decoded.reason : 'applied').toBe(wanted);
  });

  test.each([
    [
      'of 5,000 fields',
      JSON.stringify(startedWith(...Array.from({ length: 5_000 }, (_, at) => ({ name: `f${at}`, type: 'null' })))),
      null,
    ],
    ['nested 600 deep', `${'{"type":"array","items":'.repeat(600)}"null"${'}'.repeat(600)}`, 'UNKNOWN_KIND'],
    [
      'nested 100,000 deep',
      `${'{"type":"array","items":'.repeat(100_000)}"null"${'}'.repeat(100_000)}`,
      'UNKNOWN_KIND',
    ],
    [
      'of names from the prototype',
      '{"type":"record","name":"x","fields":[{"name":"a","type":"__proto__"}]}',
      'UNKNOWN_KIND',
    ],
  ])('a schema %s', (_, text, wanted) => {
    const schema = compileSchema({ type: 'AVRO', text, references: [] });
    const decoded = decode(wireBytes(7, avroWriter(startedWith()).toBuffer(whole)), new Map([[7, schema]]));
    expect(isReject(decoded) ? decoded.reason : null).toBe(wanted);
  });
});
