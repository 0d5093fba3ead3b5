import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  appendChunks,
  blob,
  buildChunks,
  type Column,
  extensions,
  falseColumn,
  integer,
  text,
  timestamp,
  whole,
} from '../../../../connectors/duckdb/vectors/row-chunks.ts';
import type { Extensions } from '../../../../schemas/events/events.ts';
import { storedExtension } from '../../../../schemas/events/extensions.ts';
import { JsonNumber } from '../../../../schemas/json/json.ts';
import { openTestStore } from '../../../support/store.ts';

/** Lengths around 12 bytes and 64 characters, with characters of one to four bytes. */
const someText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ unit: 'grapheme', minLength: 60, maxLength: 70 }),
  fc.tuple(fc.constantFrom('a', 'ü', '€', '🙂', '\0'), fc.nat(20)).map(([unit, times]) => unit.repeat(times)),
  fc.constantFrom('', '\0', 'a\0b', 'x'.repeat(12), 'x'.repeat(13), 'ü'.repeat(6), 'abcdefghijkü', 'z'.repeat(70_000)),
);
const bytes = fc.uint8Array({ maxLength: 40 });
const wholeNumber = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, 2 ** 53 - 1, -1, -(2 ** 32), 2 ** 32));
const instant = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) });
const value = fc.oneof(
  someText,
  fc.constant(null),
  fc.constant(new JsonNumber('1.50')),
  fc.array(someText, { maxLength: 3 }),
);
const someExtensions = fc
  .uniqueArray(fc.tuple(someText, value), { maxLength: 5, selector: ([name]) => name })
  .map((members): Extensions => new Map(members));

interface Row {
  first: string | null;
  bytes: Uint8Array | null;
  number: number | null;
  time: number | null;
  extensions: Extensions | null;
  small: number;
  last: string | null;
}

const row: fc.Arbitrary<Row> = fc.record({
  first: fc.option(someText),
  bytes: fc.option(bytes),
  number: fc.option(wholeNumber),
  time: fc.option(instant),
  extensions: fc.option(someExtensions),
  small: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  last: fc.option(someText),
});

const columns: readonly Column<Row>[] = [
  text(({ first }) => first),
  blob(({ bytes: given }) => given),
  whole(({ number }) => number),
  timestamp(({ time }) => time),
  extensions(({ extensions: given }) =>
    given === null ? null : Array.from(given, ([name, json]) => storedExtension(name, json)),
  ),
  integer(({ small }) => small),
  falseColumn(),
  text(({ last }) => last),
];

const table = `CREATE OR REPLACE TABLE probe (first VARCHAR, bytes BLOB, number BIGINT, time TIMESTAMP,
  extensions STRUCT(name VARCHAR, json VARCHAR, paths VARCHAR[], texts VARCHAR[])[], small INTEGER, never BOOLEAN, last VARCHAR)`;

test('rows are read back as they were appended', async () => {
  const { connection, written } = await probe();
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 40 }), async rows => {
      await written(rows);
      const read = await connection.runAndReadAll(
        `SELECT first, hex(bytes), number, epoch_ms(time), list_transform(extensions, lambda e: e.name),
           len(list_distinct(flatten(list_transform(extensions, lambda e: e.texts)))), small, never, last FROM probe`,
      );
      expect(read.getRowsJson()).toEqual(rows.map(shown));
      const valid = await connection.runAndReadAll(
        'SELECT count(*) FROM probe WHERE first <> decode(encode(first)) OR last <> decode(encode(last))',
      );
      expect(Number(valid.value(0, 0))).toBe(0);
    }),
    { numRuns: 60 },
  );
});

function shown({ first, bytes: given, number, time, extensions: map, small, last }: Row) {
  const texts = [...(map?.values() ?? [])].flatMap(item =>
    item === null ? [] : Array.isArray(item) ? item : [item instanceof JsonNumber ? item.text : item],
  );
  const hex = given === null ? null : Buffer.from(given).toString('hex').toUpperCase();
  const distinct = map === null ? null : String(new Set(texts).size);
  const names = map === null ? null : [...map.keys()];
  return [first, hex, whole64(number), whole64(time), names, distinct, small, false, last];
}

function whole64(number: number | null): string | null {
  return number === null ? null : String(number);
}

test('rows of several chunks, with nulls among them, are read back as they were appended', async () => {
  const { connection, written } = await probe();
  const rows = Array.from({ length: 5000 }, (_, index): Row => {
    const first = index % 7 === 0 ? null : `a value that is long: ${index}`;
    const given = index % 3 === 0 ? null : new Map(Array.from({ length: index % 5 }, (_, at) => [`name ${at}`, first]));
    return { first, bytes: null, number: index, time: null, extensions: given, small: 0, last: `${index}` };
  });
  await written(rows);
  const read = await connection.runAndReadAll(
    'SELECT first, number, list_transform(extensions, lambda e: e.texts[1]), last FROM probe',
  );
  expect(read.getRowsJson()).toEqual(
    rows.map(({ first, number, extensions: given, last }) => [
      first,
      String(number),
      given === null ? null : [...given.values()],
      last,
    ]),
  );
});

async function probe() {
  const store = await openTestStore();
  const connection = await store.database.connect();
  const written = async (rows: readonly Row[]) => {
    await connection.run(table);
    await appendChunks(connection, 'probe', buildChunks(columns, rows));
  };
  return { connection, written };
}
