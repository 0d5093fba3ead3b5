import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openTestStore } from '../support/store.ts';

/** What was written is judged by readers that are not ours. */
const window = { timeFrom: Date.UTC(2026, 0, 1), timeTo: Date.UTC(2026, 0, 2) };
const odd = [
  '',
  ' lead',
  'trail ',
  'a,b',
  'a;b',
  'a|b',
  'tab\there',
  'say "hi"',
  '"',
  "it's",
  'two\nlines',
  '\r\n',
  '#tag',
  'a#b',
  '🙂',
  '日本',
  'null',
  'NaN',
  '=1+1',
  '-1',
  'a\0b',
  '\u2028',
  '\\',
  '\\N',
  'x'.repeat(1_000_000),
];

const started = (number: number, value: string) =>
  JSON.stringify({
    event: 'service.started',
    service_id: `s${String(number).padStart(4, '0')}`,
    timestamp: new Date(Date.UTC(2026, 0, 1)).toISOString(),
    session_id: value,
    extensions: { x: value },
  });

describe.each([',', ';', '|', '\t', '~', "'", '\\', '!', '/'])('separator %j', separator => {
  test('a CSV reader finds every value, and only values that need quotes have them (contract 4.7)', async () => {
    const store = await openTestStore();
    await store.storeLines(odd.map((value, number) => started(number, value)));
    const { bytes } = await store.exported('services', window, { separator, header: true });
    const rows = parse(bytes, { delimiter: separator, columns: true, relax_quotes: false }) as Record<string, string>[];
    expect(rows.map(row => row.start_session_id)).toEqual(odd);
    expect(rows.map(row => row.x)).toEqual(odd);
    for (const value of odd) {
      const mustQuote = value === '' || /["\r\n#]/.test(value) || value.includes(separator);
      const field = mustQuote ? `"${value.replaceAll('"', '""')}"` : value;
      expect(bytes.includes(`${separator}${field}${separator}`), `field ${JSON.stringify(value.slice(0, 20))}`).toBe(
        true,
      );
    }
  });
});

test.each(['json', 'ndjson'] as const)('JSON.parse finds every value in %s', async format => {
  const store = await openTestStore();
  await store.storeLines(odd.map((value, number) => started(number, value)));
  const text = (await store.exported('services', window, { format })).bytes.toString();
  const services =
    format === 'json'
      ? JSON.parse(text)
      : text
          .trimEnd()
          .split('\n')
          .map(line => JSON.parse(line));
  expect(services.map((service: { started: { session_id: string } }) => service.started.session_id)).toEqual(odd);
  expect(services.map((service: { extensions: { x: string } }) => service.extensions.x)).toEqual(odd);
});

// contract 3.8, 4.16
test.each([
  ['json', '[\n]\n'],
  ['ndjson', ''],
] as const)('an empty result in %s is valid', async (format, content) => {
  const store = await openTestStore();
  const { bytes, rows } = await store.exported('services', window, { format });
  expect([bytes.toString(), rows]).toEqual([content, 0]);
});

test('any text survives CSV and JSON', async () => {
  const store = await openTestStore();
  let number = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'binary', maxLength: 30 }), { minLength: 1, maxLength: 20 }),
      async texts => {
        const from = Date.UTC(2026, 5, 1) + number * 60_000;
        const at = new Date(from).toISOString();
        await store.storeLines(
          texts.map((value, index) =>
            JSON.stringify({
              event: 'service.started',
              service_id: `${number}-${String(index).padStart(3, '0')}`,
              timestamp: at,
              resource_id: value,
            }),
          ),
        );
        number += 1;
        const slice = { timeFrom: from, timeTo: from + 1 };
        const csv = parse((await store.exported('services', slice, { header: true })).bytes, {
          columns: true,
        }) as Record<string, string>[];
        expect(csv.map(row => row.start_resource_id)).toEqual(texts);
        const json = JSON.parse((await store.exported('services', slice, { format: 'json' })).bytes.toString());
        expect(json.map((service: { started: { resource_id: string } }) => service.started.resource_id)).toEqual(texts);
      },
    ),
    { numRuns: 15 },
  );
});
