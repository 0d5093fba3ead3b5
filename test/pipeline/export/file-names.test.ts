import { describe, expect, test } from 'vitest';
import { exportFileName, manifestFileName } from '../../../pipeline/export/file-names.ts';

const at = (text: string) => Date.parse(text);

// contract 4.1
test.each([
  ['', '2014-09-02T12:30:45.678Z', 'services', 'csv', 'uncompressed', '20140902_123045_678_services.csv'],
  ['day', '2014-09-02T12:30:45.678Z', 'services', 'csv', 'zip', 'day20140902_123045_678_services.csv.zip'],
  ['day_', '2014-09-02T12:30:45.678Z', 'states', 'csv', 'gzip', 'day_20140902_123045_678_states.csv.gz'],
  ['x', '2000-01-01T00:00:00.000Z', 'tasks', 'csv', 'uncompressed', 'x20000101_000000_000_tasks.csv'],
  ['x', '2026-12-31T23:59:59.999Z', 'services', 'json', 'uncompressed', 'x20261231_235959_999_services.json'],
  ['x', '2026-01-02T03:04:05.006Z', 'services', 'ndjson', 'gzip', 'x20260102_030405_006_services.ndjson.gz'],
  ['Ünï 🙂 ', '2026-01-02T03:04:05.006Z', 'services', 'json', 'zip', 'Ünï 🙂 20260102_030405_006_services.json.zip'],
] as const)('%j at %s, %s %s %s', (stem, stamp, kind, format, compression, name) => {
  expect(exportFileName(stem, at(stamp), kind, { format, compression })).toBe(name);
});

test('a manifest is never compressed (contract 4.18)', () => {
  expect(manifestFileName('day_', at('2014-09-02T12:30:45.678Z'))).toBe('day_20140902_123045_678_manifest.json');
});

describe('names sort as their stamps do', () => {
  const stamps = [
    '2025-12-31T23:59:59.999Z',
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00.010Z',
    '2026-10-01T00:00:00.002Z',
  ];
  test('within one prefix', () => {
    const names = stamps.map(stamp => manifestFileName('x', at(stamp)));
    expect(names.toSorted()).toEqual(names);
  });
});
