import { describe, expect, test } from 'vitest';
import { openTestStore } from '../../support/store.ts';

const window = { timeFrom: Date.UTC(2026, 0, 1), timeTo: Date.UTC(2026, 0, 2) };
const started = (service: string, minute: number, extensions: object) =>
  JSON.stringify({
    event: 'service.started',
    service_id: service,
    timestamp: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
    extensions,
  });
const fields = (bytes: Buffer) =>
  bytes
    .toString()
    .trimEnd()
    .split('\n')
    .map(line => line.split(',').slice(24));

test('columns are in the order in which their paths first appear in the rows of the file (contract 4.11)', async () => {
  const store = await openTestStore();
  await store.storeLines([
    started('second', 2, { b: 1, a: { y: 2, x: [3, { z: 4 }] } }),
    started('first', 1, { c: 'five', b: null }),
  ]);
  const { columns, bytes } = await store.exported('services', window);
  expect(columns.slice(24)).toEqual(['c', 'b', 'a.y', 'a.x.0', 'a.x.1.z']);
  expect(fields(bytes)).toEqual([
    ['five', '', '', '', ''],
    ['', '1', '2', '3', '4'],
  ]);
});

test('of two equal dotted paths in one row the later value is written (contract 4.11)', async () => {
  const store = await openTestStore();
  await store.storeLines([
    started('one', 1, { 'a.b': 1, a: { b: 2 } }).replace('"a.b":1,"a":{"b":2}', '"a.b":1,"a":{"b":2}'),
    started('two', 2, { a: { b: 3 }, 'a.b': 4 }),
    started('three', 3, { a: { b: 5 }, 'a.b': null }),
  ]);
  const { columns, bytes } = await store.exported('services', window);
  expect(columns.slice(24)).toEqual(['a.b']);
  expect(fields(bytes)).toEqual([['2'], ['4'], ['5']]);
});

// contract 4.8, 4.11
test('a path spelled like another path in other case is a column of its own', async () => {
  const store = await openTestStore();
  await store.storeLines([started('one', 1, { Label: 'y', label: 'z', 'quo"te,#': 'w' })]);
  const { bytes } = await store.exported('services', window, { header: true });
  const [header, line] = bytes.toString().trimEnd().split('\n');
  expect(header).toMatch(/,Label,label,"quo""te,#"$/);
  expect(line).toMatch(/,y,z,w$/);
});

describe('a path that equals the name of a core column of the file (contract 4.11)', () => {
  test('is called extensions.<path> in the header and in the manifest', async () => {
    const store = await openTestStore();
    await store.storeLines([started('one', 1, { is_anonymous: 'x', disposition: 'y', end_session_id: 'z' })]);
    const { bytes, columns } = await store.exported('services', window, { header: true });
    const names = ['extensions.is_anonymous', 'extensions.disposition', 'extensions.end_session_id'];
    expect([columns.slice(24), fields(bytes)]).toEqual([names, [names, ['x', 'y', 'z']]]);
  });

  test('keeps its name where only another file has that column', async () => {
    const store = await openTestStore();
    await store.storeLines([started('one', 1, { state_id: 'x', task_type: 'y' })]);
    expect((await store.exported('services', window)).columns.slice(24)).toEqual(['state_id', 'task_type']);
  });

  test.each([
    ['before', { disposition: 'core', 'extensions.disposition': 'path' }],
    ['after', { 'extensions.disposition': 'path', disposition: 'core' }],
    ['inside an extension after', { extensions: { disposition: 'path' }, disposition: 'core' }],
  ])('gets the prefix again when it stands %s a path that is spelled extensions.<path>', async (_, extensions) => {
    const store = await openTestStore();
    await store.storeLines([started('one', 1, extensions)]);
    const { bytes } = await store.exported('services', window, { header: true });
    const [names, values] = fields(bytes);
    expect(Object.fromEntries(names!.map((name, at) => [name, values![at]]))).toEqual({
      'extensions.extensions.disposition': 'core',
      'extensions.disposition': 'path',
    });
  });

  test('is fixed by the path, and its column has the longer name (contract 4.13)', async () => {
    const store = await openTestStore();
    await store.storeLines([started('one', 1, { disposition: 'core', extensions: { disposition: 'path' } })]);
    const exported = (extensionColumns: readonly string[]) => store.exported('services', window, { extensionColumns });
    const byPath = await exported(['disposition']);
    expect([byPath.columns.slice(24), fields(byPath.bytes)]).toEqual([['extensions.disposition'], [['core']]]);
    const longer = await exported(['extensions.disposition']);
    expect([longer.columns.slice(24), fields(longer.bytes)]).toEqual([['extensions.disposition'], [['path']]]);
    const both = await exported(['extensions.disposition', 'disposition']);
    const names = ['extensions.disposition', 'extensions.extensions.disposition'];
    expect([both.columns.slice(24), fields(both.bytes)]).toEqual([names, [['path', 'core']]]);
  });
});

// contract 4.7
test.each([['#'], ['a#b'], ['a\rb'], ['a\nb'], ['a,b']])('the column name %j is quoted in the header', async name => {
  const store = await openTestStore();
  await store.storeLines([started('one', 1, { [name]: 1 })]);
  const { bytes } = await store.exported('services', window, { header: true });
  expect(bytes.toString()).toContain(`,"${name}"\n`);
});

test('names and ids that differ only in a byte-order mark stay different', async () => {
  const store = await openTestStore();
  const mark = '\ufeff';
  await store.storeLines([started('s', 1, { [`${mark}n`]: 1, [mark]: 2 }), started(`${mark}s`, 1, { n: 3 })]);
  const { columns, bytes } = await store.exported('services', window, { header: true });
  expect(columns.slice(24)).toEqual([`${mark}n`, mark, 'n']);
  expect(fields(bytes)).toEqual([
    [`${mark}n`, mark, 'n'],
    ['1', '2', ''],
    ['', '', '3'],
  ]);
  expect(await store.rows('SELECT service_id FROM services ORDER BY 1')).toEqual([['s'], [`${mark}s`]]);
});

describe('the number of extension columns', () => {
  test('may be a thousand', async () => {
    const store = await openTestStore();
    const names = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`name-${index}`, index]));
    await store.storeLines([started('one', 1, names)]);
    const { columns, bytes } = await store.exported('services', window);
    expect(columns.length).toBe(24 + 1000);
    expect(fields(bytes)[0]?.at(-1)).toBe('999');
  });

  // contract 4.12
  test('is named, with the alternatives, when it is too high and the export fails before the first byte', async () => {
    const store = await openTestStore();
    for (let part = 0; part < 10; part += 1) {
      await store.storeLines(
        Array.from({ length: 100 }, (_, row) => {
          const names = Array.from({ length: 100 }, (_, name) => [`n${part}-${row}-${name}`, 1]);
          return started(`s${part}-${row}`, 1, Object.fromEntries(names));
        }),
      );
    }
    await expect(store.exported('services', window)).rejects.toMatchObject({
      code: 'TOO_MANY_COLUMNS',
      message: expect.stringMatching(/100000 distinct .* max_extension_columns allows 1000.*extensions=json/),
    });
    expect((await store.exported('services', window, { extensions: 'json' })).rows).toBe(1000);
  });

  test('is limited for fixed columns too', async () => {
    const store = await openTestStore();
    await expect(store.exported('services', window, { extensionColumns: ['a', 'b', 'c'] }, 2)).rejects.toMatchObject({
      code: 'TOO_MANY_COLUMNS',
    });
  });

  test('does not change with fixed columns, and values outside of them are counted (contract 4.13)', async () => {
    const store = await openTestStore();
    await store.storeLines([started('one', 1, { a: 1, b: 2, c: { d: 3 } })]);
    const { columns, bytes, valuesLeftOut } = await store.exported('services', window, {
      extensionColumns: ['c.d', 'none', 'a'],
    });
    expect([columns.slice(24), fields(bytes), valuesLeftOut]).toEqual([['c.d', 'none', 'a'], [['3', '', '1']], 1]);
  });
});
