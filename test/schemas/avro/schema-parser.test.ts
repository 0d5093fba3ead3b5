import { describe, expect, test } from 'vitest';
import { parseSchema } from '../../../schemas/avro/schema-parser.ts';
import type { AvroType } from '../../../schemas/avro/type.ts';
import { decodeRecord } from '../../../schemas/decode.ts';
import { compiled, wireBytes } from '../../support/avro.ts';
import { startedWith } from '../../support/avro-events.ts';

const parsed = (schema: unknown, references: readonly unknown[] = []) =>
  parseSchema({ type: 'AVRO', text: JSON.stringify(schema), references: references.map(each => JSON.stringify(each)) });

/** A type as one text: names of named types with what they hold, and the name alone where it stands again. */
function outline(type: AvroType, seen = new Set<string>()): string {
  if (type.typeName === 'union') return `[${type.types.map(branch => outline(branch, seen)).join(' ')}]`;
  if ('items' in type) return `${type.typeName} of ${outline(type.items, seen)}`;
  if (!('name' in type) || seen.has(type.name)) return 'name' in type ? type.name : type.typeName;
  seen.add(type.name);
  if (type.typeName === 'record')
    return `${type.name}(${type.fields.map(field => `${field.name}: ${outline(field.type, seen)}`).join(', ')})`;
  return `${type.name}{${type.typeName === 'enum' ? type.symbols.join(' ') : type.size}}`;
}

const record = (name: string, ...types: readonly unknown[]) => ({
  type: 'record',
  name,
  fields: types.map((type, at) => ({ name: `f${at}`, type })),
});
const empty = (name: string, more: object = {}) => ({ ...record(name), ...more });
const symbols = (name: string, ...all: readonly string[]) => ({ type: 'enum', name, symbols: all });

describe('a schema that Java Avro 1.12 parses is read (contract 1.5)', () => {
  test.each<[string, unknown, string]>([
    ['letters beyond ASCII', { ...record('n.R', symbols('E', 'größe')), namespace: 'ü' }, 'n.R(f0: n.E{größe})'],
    ['a namespace beyond ASCII', empty('R', { namespace: 'com.über' }), 'com.über.R()'],
    ['a dash in a namespace, as in Avro 1.11', empty('R', { namespace: 'my-co' }), 'my-co.R()'],
    ['a namespace that is inherited', record('n.R', empty('S'), 'S', 'n.S'), 'n.R(f0: n.S(), f1: n.S, f2: n.S)'],
    [
      'a type without namespace, inside one and named again',
      record('n.R', empty('S', { namespace: '' }), 'S'),
      'n.R(f0: S(), f1: S)',
    ],
    [
      'the name of a type without namespace and of one with it',
      record('n.R', empty('S', { namespace: '' }), 'S', symbols('S', 'a'), 'S'),
      'n.R(f0: S(), f1: S, f2: n.S{a}, f3: n.S)',
    ],
    ['a name that begins with a dot', record('n.R', empty('.S')), 'n.R(f0: S())'],
    ['a type that is named like a primitive', record('n.R', empty('int'), 'int'), 'n.R(f0: n.int(), f1: int)'],
    ['a type before its definition', record('n.R', 'S', empty('S')), 'n.R(f0: n.S(), f1: n.S)'],
    ['a type in itself', record('R', ['null', 'R']), 'R(f0: [null R])'],
    ['definitions repeated alike', record('R', symbols('E', 'a'), symbols('E', 'a')), 'R(f0: E{a}, f1: E)'],
    [
      'definitions repeated with other docs, aliases and spellings of names',
      record('R', record('S', symbols('E', 'a')), { ...record('S', 'E'), doc: 'again', aliases: ['T'] }),
      'R(f0: S(f0: E{a}), f1: S)',
    ],
    ['a fixed of no bytes', { type: 'fixed', name: 'F', size: 0 }, 'F{0}'],
    ['an enum and a union of nothing', record('R', symbols('E'), []), 'R(f0: E{}, f1: [])'],
    ['an error', { type: 'error', name: 'R', fields: [] }, 'R()'],
    ['a name in an object', record('R', empty('S'), { type: 'S' }), 'R(f0: S(), f1: S)'],
    ['a namespace that is no text', empty('R', { namespace: 5 }), 'R()'],
    ['a map of arrays', { type: 'map', values: { type: 'array', items: 'bytes' } }, 'map of array of bytes'],
    [
      'logical types',
      record('R', ...['long', 'int'].map(type => ({ type, logicalType: 'timestamp-millis' })), {
        type: 'long',
        logicalType: { is: 'none' },
      }),
      'R(f0: timestamp-millis, f1: int, f2: long)',
    ],
  ])('%s', (_, schema, wanted) => {
    expect(outline(parsed(schema))).toBe(wanted);
  });

  test.each([
    ['comments', '{/* "a" */"type": // b\n "string"}', 'string'],
    ['what looks like a comment in a text', '{"type":"string","doc":"/* // \\" "/**/}', 'string'],
    ['half of a surrogate pair', '{"type":"string","doc":"\\ud83d"}', 'string'],
    ['names of the prototype', '{"type":"record","name":"__proto__","fields":[]}', '__proto__()'],
  ])('%s', (_, text, wanted) => {
    expect(outline(parseSchema({ type: 'AVRO', text, references: [] }))).toBe(wanted);
  });

  test('types of other schemas, definitions repeated alike in several of them included', () => {
    const part = empty('n.Part');
    const wanted = 'R(f0: n.Box(f0: n.Part()), f1: n.Part)';
    expect(outline(parsed(record('R', 'n.Box', 'n.Part'), [part, record('n.Box', part)]))).toBe(wanted);
  });

  test('of two definitions alike each place keeps its own aliases', () => {
    const again = { type: 'record', name: 'S', fields: [{ name: 'f0', type: 'int', aliases: ['state_id'] }] };
    const type = parsed(record('R', record('S', 'int'), again));
    const aliases = type.typeName === 'record' && type.fields.map(field => 'fields' in field.type && field.type.fields);
    expect(aliases).toMatchObject([[{ aliases: [] }], [{ aliases: ['state_id'] }]]);
  });
});

describe('a schema is refused, with the reason (contract 1.5)', () => {
  const twoWays = 'the type S is defined in two ways';
  test.each<[string, unknown, string]>([
    ['other fields', record('R', record('S', 'int'), record('S', 'int', 'int')), twoWays],
    ['another type of a field', record('R', record('S', 'int'), record('S', 'long')), twoWays],
    [
      'another name of a field',
      record('R', record('S', 'int'), { ...record('S'), fields: [{ name: 'x', type: 'int' }] }),
      twoWays,
    ],
    ['another order of symbols', record('R', symbols('S', 'a', 'b'), symbols('S', 'b', 'a')), twoWays],
    ['another size', record('R', ...[1, 2].map(size => ({ type: 'fixed', name: 'S', size }))), twoWays],
    ['another sort of type', record('R', record('S'), symbols('S')), twoWays],
    ['another type inside', record('R', record('S', empty('n.A')), record('S', empty('m.A'))), twoWays],
    [
      'another unit of a time',
      record('R', record('S', { type: 'long', logicalType: 'timestamp-millis' }), record('S', 'long')),
      twoWays,
    ],
    ['no definition', record('R', 'S'), 'the type S is not defined'],
    ['no name', { type: 'record', fields: [] }, 'the name of a type is absent, not a text'],
    ['no fields', { type: 'record', name: 'R' }, 'the fields of R are absent, not a list'],
    [
      'a field without type',
      { ...record('R'), fields: [{ name: 'a' }] },
      'absent stands where a type or field is needed',
    ],
    [
      'a field without name',
      { ...record('R'), fields: [{ type: 'int' }] },
      'the name of a field is absent, not a text',
    ],
    [
      'two fields of one name',
      { ...record('R'), fields: ['a', 'a'].map(name => ({ name, type: 'int' })) },
      'two fields of R have the same name',
    ],
    ['a symbol that is no text', { ...symbols('E'), symbols: [5] }, 'one of the symbols of E is 5, not a text'],
    ['a size below 0', { type: 'fixed', name: 'F', size: -1 }, 'the size of F is -1, not a whole number from 0'],
    [
      'a size that is a text',
      { type: 'fixed', name: 'F', size: '3' },
      'the size of F is "3", not a whole number from 0',
    ],
    ['no type', {}, 'the type is absent, not a text'],
    ['null', null, 'null stands where a type or field is needed'],
  ])('%s', (_, schema, wanted) => {
    expect(() => parsed(schema)).toThrow(wanted);
  });

  test('a text that is no JSON, comments or not', () => {
    for (const text of ['{', '/* {}', `${'/*'.repeat(200_000)}`, `"${'\\"'.repeat(200_000)}`])
      expect(() => parseSchema({ type: 'AVRO', text, references: [] })).toThrow(/JSON/);
  });
});

test('unknown names of any characters change nothing in an event (contract 1.5, 1.16)', () => {
  const kind = { namespace: 'com.my-über.service', name: 'started' };
  const schema = compiled({ ...startedWith({ name: 'größe in m²', type: symbols('Maß-1', 'groß!') }), ...kind });
  const value = Buffer.concat([Buffer.from([2]), Buffer.from('s'), Buffer.from([0, 0])]);
  expect(
    decodeRecord(
      { timestamp: null, key: null, value: wireBytes(7, value) },
      { keyFormat: 'string', schemas: new Map([[7, schema]]) },
    ),
  ).toMatchObject({ kind: 'service.started', service_id: 's' });
});
