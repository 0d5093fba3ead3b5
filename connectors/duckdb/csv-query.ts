import { type DuckDBConnection, LIST, listValue, VARCHAR } from '@duckdb/node-api';
import { stringify } from 'csv-stringify/sync';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { FileKind, Layout, Selection } from '../../pipeline/selection.ts';
import { entityTables } from '../../schemas/columns.ts';
import type { Entity } from '../../schemas/events.ts';
import { type CarriedExtensions, csvColumns, exportedPlace, exportedRows, orderedRows } from '../../schemas/exports.ts';
import { fillSql, quoteText, readSql } from '../../schemas/sql.ts';
import type { FilePlan } from './file-plan.ts';

export interface CsvPlanning {
  readonly connection: DuckDBConnection;
  readonly selection: Selection;
  readonly layout: Layout;
  readonly kind: FileKind;
  readonly maxExtensionColumns: number;
}

const entityOf: Readonly<Record<FileKind, Entity>> = { services: 'service', states: 'state', tasks: 'task' };

/** Plans one CSV file. DuckDB's writer quotes exactly what the contract says, and nothing else. */
export async function planCsv(planning: CsvPlanning): Promise<FilePlan> {
  const { layout, kind } = planning;
  const entity = entityOf[kind];
  const { columns: extensionNames, valuesLeftOut } = await extensionColumns(planning, entity);
  const columns = [...entityTables[entity].exported, ...extensionNames];
  const { separator } = layout;
  return {
    head: layout.header ? headerLine(columns, separator) : '',
    query: async () => csvQuery(entity, planning, extensionNames.length),
    tail: '',
    copyOptions: `DELIMITER ${quoteText(separator)}, QUOTE '"', ESCAPE '"', NULLSTR ''`,
    columns,
    valuesLeftOut,
    transform: null,
    release: () => undefined,
  };
}

function csvQuery(entity: Entity, { layout, selection: filters }: CsvPlanning, pathCount: number): string {
  const core = csvColumns(entityTables[entity]);
  const rows = (extensions: CarriedExtensions): string => orderedRows({ entity, filters, extensions });
  if (layout.extensions === 'json') return `SELECT ${[...core, 'x.extensions'].join(', ')} FROM ${rows('object')}`;
  if (pathCount === 0) return `SELECT ${core.join(', ')} FROM ${rows('none')}`;
  const paths = Array.from({ length: pathCount }, (_, index) => pathColumn(index + 1));
  // Reversed, so that the first match is the later of two equal paths.
  const lists = `list_reverse(flatten(list_transform(x.extensions, lambda e: e.paths))) AS paths,
    list_reverse(flatten(list_transform(x.extensions, lambda e: e.texts))) AS texts`;
  return `SELECT ${[...core, ...paths].join(', ')} FROM (SELECT x.*, ${lists} FROM ${rows('lists')}) x`;
}

function pathColumn(position: number): string {
  return `texts[list_position(paths, getvariable('extension_paths')[${position}])]`;
}

async function extensionColumns(
  planning: CsvPlanning,
  entity: Entity,
): Promise<{ columns: readonly string[]; valuesLeftOut: number }> {
  const { connection, layout, selection } = planning;
  if (layout.extensions === 'none') return { columns: [], valuesLeftOut: 0 };
  if (layout.extensions === 'json') return { columns: ['extensions'], valuesLeftOut: 0 };
  const places = { rows: exportedRows(entity, selection), place: exportedPlace(entity) };
  await connection.run(fillSql(readSql('exports/signatures.sql'), places));
  const columns = layout.extensionColumns ?? (await foundPaths(planning));
  if (columns.length > planning.maxExtensionColumns) throw tooManyColumns(planning, columns.length);
  await connection.run('SET VARIABLE extension_paths = $1', [listValue([...columns])], [LIST(VARCHAR)]);
  return { columns, valuesLeftOut: layout.extensionColumns === null ? 0 : await countLeftOut(connection, places.rows) };
}

/** Every path of the file's rows, in order of first appearance. */
async function foundPaths(planning: CsvPlanning): Promise<readonly string[]> {
  const { connection } = planning;
  const counted = await connection.runAndReadAll(
    'SELECT count(DISTINCT path) FROM (SELECT unnest(paths) AS path FROM signatures)',
  );
  const count = Number(counted.value(0, 0));
  if (count > planning.maxExtensionColumns) throw tooManyColumns(planning, count);
  const reader = await connection.runAndReadAll(
    `SELECT path FROM (SELECT unnest(paths) AS path, generate_subscripts(paths, 1) AS position, place FROM signatures)
     GROUP BY path ORDER BY min({'place': place, 'position': position})`,
  );
  return reader.getRows().map(([path]) => String(path));
}

function tooManyColumns({ kind, maxExtensionColumns }: CsvPlanning, count: number): TidemarkError {
  return new TidemarkError(
    'TOO_MANY_COLUMNS',
    `the ${kind} file would have ${count} distinct extension columns; max_extension_columns allows ${maxExtensionColumns}. ` +
      'Ask for extensions=json or extensions=none, name fewer in extension_columns, narrow the window, or raise the setting',
  );
}

async function countLeftOut(connection: DuckDBConnection, rows: string): Promise<number> {
  const reader = await connection.runAndReadAll(
    `SELECT count(*) FROM (SELECT unnest(list_distinct(flatten(list_transform(x.extensions, lambda e: e.paths)))) AS path FROM ${rows})
     WHERE NOT list_contains(getvariable('extension_paths'), path)`,
  );
  return Number(reader.value(0, 0));
}

function headerLine(columns: readonly string[], separator: string): string {
  const quotedMatch = /[#\r\n]/;
  return stringify([[...columns]], {
    delimiter: separator,
    quoted_match: quotedMatch,
    quoted_empty: true,
    record_delimiter: '\n',
  });
}
