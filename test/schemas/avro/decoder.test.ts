import { describe, expect, test } from 'vitest';
import { compileSchema } from '../../../schemas/avro/decoder.ts';
import { decodeRecord } from '../../../schemas/decode.ts';
import { type AvroText, avroWriter, compiled, schemaText, wireBytes } from '../../support/avro.ts';
import { idAndTime, instant, startedWith, through, whole } from '../../support/avro-events.ts';

const event = { kind: 'service.started', service_id: 's', occasion: { timestamp: instant } };

describe('a writer whose schema (contract 1.5)', () => {
  test('has unknown fields in between: they are skipped, whatever their type', () => {
    const others = {
      before: { type: 'map', values: { type: 'array', items: ['null', 'double', 'string'] } },
      inside: {
        type: 'record',
        name: 'Inner',
        fields: [{ name: 'deep', type: { type: 'fixed', name: 'F', size: 3 } }],
      },
      again: 'Inner',
      last: { type: 'array', items: { type: 'enum', name: 'E', symbols: ['A', 'B'] } },
      none: 'null',
      more: ['boolean', 'bytes', 'float', 'int'],
    };
    const fields = Object.entries(others).map(([name, type]) => ({ name, type }));
    const schema = {
      type: 'record',
      name: 'service.started',
      fields: [...fields, ...idAndTime, { name: 'media_type', type: 'string' }],
    };
    const value = {
      before: { a: [null, { double: 1.5 }, { string: 'é' }], b: [] },
      inside: { deep: Buffer.from('abc') },
      again: { deep: Buffer.from('def') },
      last: ['A', 'B', 'A'],
      none: null,
      more: { bytes: Buffer.from([0xff, 0]) },
    };
    expect(through(schema, { ...value, ...whole, media_type: 'voice' })).toMatchObject({
      ...event,
      occasion: { values: expect.arrayContaining(['voice']) },
    });
  });

  test('lacks fields: an optional one is absent, a required one is MISSING_FIELD', () => {
    expect(through(startedWith(), whole)).toMatchObject({
      ...event,
      fields: [undefined, undefined, undefined, undefined],
    });
    const fields = [{ name: 'service_type', type: 'string' }];
    expect(through({ type: 'record', name: 'service.started', fields }, { service_type: 'x' })).toEqual([
      'MISSING_FIELD',
      'service_id',
    ]);
    expect(through({ type: 'record', name: 'service.started', fields: [] }, {})).toEqual([
      'MISSING_FIELD',
      'service_id',
    ]);
  });

  test('has its fields in another order', () => {
    const schema = startedWith({ name: 'customer_id', type: 'long' });
    const turned = { ...schema, fields: schema.fields.toReversed() };
    expect(through(turned, { ...whole, customer_id: 7n })).toMatchObject({
      ...event,
      fields: [undefined, '7', undefined, undefined],
    });
  });

  test('has other names for fields, with the known names as aliases', () => {
    const schema = startedWith({ name: 'customer', aliases: ['client', 'customer_id'], type: 'string' });
    expect(through(schema, { ...whole, customer: 'c' })).toMatchObject({
      fields: [undefined, 'c', undefined, undefined],
    });
  });

  test('has a known name both as a name and as an alias: the name wins over the alias, the first alias over the second', () => {
    const names = startedWith(
      { name: 'other', aliases: ['customer_id'], type: 'string' },
      { name: 'customer_id', type: 'string' },
    );
    expect(through(names, { ...whole, other: 'alias', customer_id: 'name' })).toMatchObject({
      fields: [undefined, 'name', undefined, undefined],
    });
    const aliases = startedWith(
      { name: 'one', aliases: ['customer_id'], type: 'string' },
      { name: 'two', aliases: ['customer_id'], type: 'string' },
    );
    expect(through(aliases, { ...whole, one: 'first', two: 'second' })).toMatchObject({
      fields: [undefined, 'first', undefined, undefined],
    });
  });

  test('has a field `event`: the kind is the name of the record type, not this field', () => {
    expect(
      through(startedWith({ name: 'event', type: 'string' }), { ...whole, event: 'service.deleted' }),
    ).toMatchObject(event);
  });

  test('has defaults of the wrong type, which some registries accept', () => {
    const schema = startedWith({ name: 'customer_id', type: ['string', 'null'] });
    const loose = startedWith({ name: 'customer_id', type: ['string', 'null'], default: null });
    const value = wireBytes(7, avroWriter(schema).toBuffer({ ...whole, customer_id: { string: 'c' } }));
    const schemas = new Map([[7, compiled(loose)]]);
    expect(decodeRecord({ timestamp: null, key: null, value }, { keyFormat: 'string', schemas })).toMatchObject(event);
  });

  test('refers to other schemas', () => {
    const reference = { type: 'record', name: 'common.Address', fields: [{ name: 'city', type: 'string' }] };
    const schema = startedWith({ name: 'address', type: 'common.Address' });
    const inlined = startedWith({ name: 'address', type: reference });
    const value = wireBytes(7, avroWriter(inlined).toBuffer({ ...whole, address: { city: 'x' } }));
    const decode = (references: readonly AvroText[]) =>
      decodeRecord(
        { timestamp: null, key: null, value },
        { keyFormat: 'string', schemas: new Map([[7, compiled(schema, references)]]) },
      );
    expect(decode([reference])).toMatchObject(event);
    expect(decode([])).toMatchObject({
      reason: 'UNKNOWN_KIND',
      field: 'event',
      message: expect.stringContaining('the type common.Address is not defined'),
    });
  });
});

describe('the kind is the name of the record type (contract 1.5)', () => {
  test.each([
    ['that is a known kind', { namespace: 'service', name: 'started' }, 'service.started'],
    ["with the producer's namespace in front", { namespace: 'com.acme.service', name: 'started' }, 'service.started'],
    ['in other case', { namespace: 'service', name: 'Started' }, ['UNKNOWN_KIND', 'event']],
    ['without a namespace', { name: 'started' }, ['UNKNOWN_KIND', 'event']],
    ['followed by another part', { namespace: 'service.started', name: 'v1' }, ['UNKNOWN_KIND', 'event']],
  ])('%s', (_, name, wanted) => {
    const found = through({ type: 'record', ...name, fields: idAndTime }, whole);
    expect(Array.isArray(found) ? found : found.kind).toEqual(wanted);
  });

  test('of the branch that a union chooses', () => {
    const union = [{ type: 'record', name: 'Other', fields: [] }, startedWith()];
    expect(through(union, { 'service.started': whole })).toMatchObject(event);
    expect(through(union, { Other: {} })).toEqual(['UNKNOWN_KIND', 'event']);
  });

  test.each([
    ['"string"', 'x'],
    ['"null"', null],
    ['{"type":"map","values":"long"}', { a: 1n }],
  ])('a value of %s has no kind', (schema, value) => {
    expect(through(schema, value)).toEqual(['UNKNOWN_KIND', 'event']);
  });

  test.each([
    ['is JSON Schema', { type: 'JSON', text: '{"type":"object"}', references: [] }],
    ['is no JSON', { type: 'AVRO', text: 'syntax = "proto3";', references: [] }],
    ['is no Avro', { type: 'AVRO', text: '{"type":"object"}', references: [] }],
    ['is null', { type: 'AVRO', text: 'null', references: [] }],
  ])('a value of a schema that %s has no kind', (_, schema) => {
    const schemas = new Map([[7, compileSchema(schema)]]);
    const record = { timestamp: null, key: null, value: wireBytes(7, Buffer.from([1, 2])) };
    expect(decodeRecord(record, { keyFormat: 'string', schemas })).toMatchObject({
      reason: 'UNKNOWN_KIND',
      field: 'event',
    });
  });
});

describe('a transition', () => {
  const schema = JSON.parse(schemaText('state.transitioned'));
  const fieldsBut = (...names: readonly string[]) =>
    schema.fields.filter(({ name }: { name: string }) => !names.includes(name));
  const others = Object.fromEntries(fieldsBut('from', 'to').map(({ name }: { name: string }) => [name, null]));
  const from = { state_id: { long: 1n }, disposition: { string: 'ok' }, disposition_desc: null };
  const to = { state_id: { string: 'b' }, state_type: null, est_duration: { long: 3n } };
  const value = { ...others, service_id: { string: 's' }, timestamp: { long: instant }, from, to };

  test('has two sides', () => {
    expect(through(schema, value)).toMatchObject({
      from: { id: '1', fields: ['ok'] },
      to: { id: 'b', fields: [undefined, 3] },
    });
  });

  const halfAs = (name: string, type: unknown, half: unknown) =>
    through({ ...schema, fields: [...fieldsBut(name), { name, type }] }, { ...value, [name]: half });
  test.each<[string, unknown, unknown, unknown]>([
    ['a string', 'string', 'x', ['BAD_FIELD', 'from']],
    ['a map', { type: 'map', values: 'string' }, { state_id: 'x' }, ['BAD_FIELD', 'from']],
    ['null', ['null', 'string'], null, ['MISSING_FIELD', 'from.state_id']],
    ['an empty record', { type: 'record', name: 'R', fields: [] }, {}, ['MISSING_FIELD', 'from.state_id']],
    [
      'a record whose id is a boolean',
      { type: 'record', name: 'R', fields: [{ name: 'state_id', type: 'boolean' }] },
      { state_id: true },
      ['BAD_FIELD', 'from.state_id'],
    ],
    [
      'a record whose id is bytes',
      { type: 'record', name: 'R', fields: [{ name: 'state_id', type: 'bytes' }] },
      { state_id: Buffer.from('x') },
      ['BAD_FIELD', 'from.state_id'],
    ],
  ])('whose from is %s', (_, type, half, wanted) => {
    expect(halfAs('from', type, half)).toEqual(wanted);
  });

  test('whose sides have unknown fields and aliases', () => {
    const fields = [
      { name: 'noise', type: { type: 'array', items: 'long' } },
      { name: 'id', aliases: ['state_id'], type: 'long' },
    ];
    expect(halfAs('from', { type: 'record', name: 'R', fields }, { noise: [1n], id: 5n })).toMatchObject({
      from: { id: '5' },
    });
  });
});
