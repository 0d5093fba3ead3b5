import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type FailureCode, TidemarkError } from '../pipeline/errors.ts';
import { parameterNames } from '../pipeline/export/parameter-table.ts';
import { readParameters } from '../pipeline/export/parameters.ts';
import { entityTables } from '../schemas/columns.ts';
import { isEventKind, kindSpecs, occasionFields } from '../schemas/events/events.ts';

const page = readFileSync('docs/contract.md', 'utf8');

/** The numbers of all clauses, in the order of the page. */
const clauses = Array.from(page.matchAll(/^\*\*(\d+\.\d+) [^*]+\.\*\*/gm), ([, number]) => number!);

const inTests = citationsOf('test');
const inProduct = ['schemas', 'pipeline', 'connectors', 'ops'].flatMap(citationsOf);

interface Citation {
  readonly file: string;
  readonly clause: string;
}

/** What TypeScript files below a folder cite: `contract 1.1`, or several clauses as in `contract 1.1, 1.2`. */
function citationsOf(folder: string): readonly Citation[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /\.c?ts$/.test(name));
  return files.flatMap(name => {
    const file = `${folder}/${name}`;
    const lists = readFileSync(file, 'utf8').matchAll(/\bcontract (\d+\.\d+(?:, \d+\.\d+)*)/g);
    return Array.from(lists, ([, list]) => list!.split(', ')).flatMap(cited => cited.map(clause => ({ file, clause })));
  });
}

describe('the contract', () => {
  test('has clauses that are numbered without a gap within their section', () => {
    const sections = Array.from(page.matchAll(/^## (\d+) /gm), ([, number]) => number!);
    expect(sections).toEqual(['1', '2', '3', '4', '5']);
    const wanted = sections.flatMap(section =>
      clauses.filter(clause => clause.startsWith(`${section}.`)).map((_, index) => `${section}.${index + 1}`),
    );
    expect(clauses).toEqual(wanted);
  });

  test('has no clause without a test', () => {
    const cited = new Set(inTests.map(({ clause }) => clause));
    expect(clauses.filter(clause => !cited.has(clause))).toEqual([]);
  });

  test('has every clause that is cited', () => {
    const wrong = [...inTests, ...inProduct].filter(({ clause }) => !clauses.includes(clause));
    expect(wrong).toEqual([]);
  });
});

/** The cells of the rows of a clause's table, without marks and without its head. */
function rowsOf(clause: string): readonly (readonly string[])[] {
  const text = page.split(`**${clause} `)[1]!.split(/^\*\*\d/m)[0]!;
  const [, , ...rows] = text.split('\n').filter(line => line.startsWith('|'));
  return rows.map(row =>
    row
      .slice(1, -1)
      .split(' | ')
      .map(cell => cell.trim()),
  );
}

const listOf = (cell: string | undefined) => (cell === undefined || cell === '' ? [] : cell.split(', '));
const bare = (cell: string | undefined) => (cell ?? '').replaceAll('`', '');

describe('its tables are those of the code', () => {
  test('kinds and their fields (contract 1.6)', () => {
    const rows = rowsOf('1.6').map(([kind, required, optional]) => [bare(kind), listOf(required), listOf(optional)]);
    const wanted = Object.entries(kindSpecs).map(([kind, { required, optional }]) => {
      if (kind === 'service.deleted') return [kind, required, optional];
      const more = kind === 'extension.updated' ? ['timestamp'] : ['_occasion_', 'extensions'];
      return [kind, required, [...optional, ...more]];
    });
    expect(rows).toEqual(wanted);
    expect(rows.every(([kind]) => isEventKind(String(kind)))).toBe(true);
    const occasion = /_occasion_ is ([^.]+)\./.exec(page)![1]!.split(/,\s+/);
    expect(occasion).toEqual(['timestamp', ...occasionFields]);
  });

  test('parameters and their defaults (contract 3.1)', () => {
    const rows = rowsOf('3.1');
    expect(rows.map(([name]) => bare(name)).toSorted()).toEqual(parameterNames.toSorted());
    const read = readParameters({ file_prefix: 'x', time_from: '2026-01-01T00:00:00Z' }, Date.UTC(2027, 0, 1));
    const defaults = new Map(Object.entries('parameters' in read ? read.parameters : {}));
    for (const [name, , value] of rows.filter(([, , cell]) => cell?.startsWith('`')))
      expect([name, bare(value)]).toEqual([
        name,
        String(defaults.get(bare(name).replace(/_(.)/, (_, letter: string) => letter.toUpperCase()))),
      ]);
  });

  test('columns of CSV files (contract 4.9)', () => {
    const lists = new Map(rowsOf('4.9').map(([kind, columns]) => [kind, listOf(columns)]));
    for (const { table, exported } of Object.values(entityTables)) {
      const columns = lists.get(table)!.flatMap(column => lists.get(column) ?? [column]);
      expect(columns).toEqual(exported);
    }
  });

  test('failure codes with their statuses (contract 5.15)', () => {
    const rows = rowsOf('5.15').map(([code, status, exit]) => [bare(code), Number(status), Number(exit)]);
    const wanted = rows.map(([code]) => {
      const { httpStatus, exitCode } = new TidemarkError(code as FailureCode, '');
      return [code, httpStatus, exitCode];
    });
    expect(rows).toEqual(wanted);
  });
});
