import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StagedTable, type StagedValue } from '../../../connectors/duckdb/staged-table.ts';
import { openTestStore } from '../../support/store.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom('', '\0', 'a\0b', 'x'.repeat(12), 'x'.repeat(13), 'ü'.repeat(7), '🙂', 'z'.repeat(5000)),
);
const number = fc.oneof(fc.integer(), fc.constantFrom(0, 2 ** 53 - 1, -1));
const row = fc.tuple(fc.option(text), fc.option(number), fc.option(text)) as fc.Arbitrary<StagedValue[]>;

test('every row comes out as it went in, nulls and NUL included', async () => {
  const store = await openTestStore();
  const connection = await store.database.connect();
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 40 }), async rows => {
      const table = new StagedTable('probe', [
        { name: 'first', type: 'text' },
        { name: 'number', type: 'number' },
        { name: 'last', type: 'text' },
      ]);
      for (const values of rows) table.push(values);
      await table.write(connection);
      const reader = await connection.runAndReadAll('SELECT first, number, last FROM probe');
      expect(reader.getRows()).toEqual(rows);
    }),
    { numRuns: 60 },
  );
  connection.closeSync();
});

test('more rows than one chunk holds, with a null in every place once', async () => {
  const store = await openTestStore();
  const connection = await store.database.connect();
  const table = new StagedTable('probe', [{ name: 'value', type: 'text' }]);
  const rows = Array.from({ length: 5000 }, (_, index) => [index % 7 === 0 ? null : `value ${index}`]);
  for (const values of rows) table.push([...values]);
  await table.write(connection);
  expect((await connection.runAndReadAll('SELECT value FROM probe')).getRows()).toEqual(rows);
  connection.closeSync();
});
