import { type DuckDBConnection, LIST, listValue, VARCHAR } from '@duckdb/node-api';
import { stringify } from 'csv-stringify/sync';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { entityOf, type FileKind, type Layout } from '../../../pipeline/export/selection.ts';
import { entityTables } from '../../../schemas/columns.ts';
import type { Entity } from '../../../schemas/events/events.ts';
import { csvColumns } from '../../../schemas/exports/file-rows.ts';
import { orderedSlice, type Slice, sliceRows } from '../../../schemas/exports/row-addresses.ts';
import { quoteText, readSql } from '../../../schemas/tables/sql.ts';
import { readNumber } from '../file/read-number.ts';
import { countLeftOutApart, csvColumnsForm, csvObjectForm, csvOptions, keyEnd, newPaths } from './apart-columns.ts';
import type { ApartExtensions } from './apart-extensions.ts';
import { ApartInsertion } from './apart-insertion.ts';
import type { FilePlan } from './file-plan.ts';
import type { LocatedRows } from './located-rows.ts';
import { planSlices, type Slicing } from './slice-plan.ts';
import { cutSlices } from './slices.ts';

interface CsvPlanning {
  readonly located: LocatedRows;
  readonly slicing: Slicing;
  readonly layout: Layout;
  readonly kind: FileKind;
  readonly maxExtensionColumns: number;
  /** The beginning of the paths of scratch files. */
  readonly scratchPath: string;
}

/** Plans one CSV file. DuckDB's writer quotes exactly the values that contract 4.7 names. Throws `TOO_MANY_COLUMNS`. */
export async function planCsv(planning: CsvPlanning): Promise<FilePlan> {
  const { layout, kind, located, slicing } = planning;
  const entity = entityOf[kind];
  const isEmpty = located.counts[entity] === 0;
  const slices = isEmpty ? [] : await cutSlices(located, entity, await planSlices(located, slicing, [entity]));
  const { paths, valuesLeftOut } = await extensionColumns(planning, entity, slices);
  const core = entityTables[entity].exported;
  const columns = [...core, ...extensionNames(paths, core)];
  const { separator } = layout;
  const insertion = planInsertion(planning, entity, paths);
  const form = {
    layout,
    pathCount: paths.length,
    placeholder: located.apart.has(entity) ? located.apart.placeholder : null,
  };
  return {
    isEmpty,
    head: layout.header ? headerLine(columns, separator) : '',
    queries: async function* () {
      for (const slice of slices) {
        await insertion?.prepare(entity, slice);
        const query = csvQuery(entity, slice, form);
        if (query !== null) yield query;
      }
    },
    tail: '',
    copyOptions: `DELIMITER ${quoteText(separator)}, QUOTE '"', ESCAPE '"', NULLSTR ''`,
    columns,
    valuesLeftOut,
    transform: null,
    insertion,
    release: () => insertion?.release(),
  };
}

/** Null when the file's lines hold no placeholder. */
function planInsertion({ located, layout, scratchPath }: CsvPlanning, entity: Entity, paths: readonly string[]) {
  const { apart } = located;
  if (!apart.has(entity) || paths.length === 0) return null;
  const form = layout.extensions === 'json' ? csvObjectForm(apart) : csvColumnsForm(apart, paths, layout.separator);
  return new ApartInsertion(apart, form, scratchPath);
}

interface CsvForm {
  readonly layout: Layout;
  readonly pathCount: number;
  /** Stands for the extensions of rows that have them kept apart; null when there are no such rows. */
  readonly placeholder: string | null;
}

function csvQuery(entity: Entity, slice: Slice, { layout, pathCount, placeholder }: CsvForm): string | null {
  const core = csvColumns(entityTables[entity]);
  const asObject = layout.extensions === 'json';
  const rows = orderedSlice(entity, slice, asObject ? 'object' : pathCount === 0 ? 'none' : 'lists');
  if (rows === null) return null;
  if (asObject) return `SELECT ${[...core, 'x.extensions'].join(', ')} FROM ${rows}`;
  if (pathCount === 0) return `SELECT ${core.join(', ')} FROM ${rows}`;
  const paths = Array.from({ length: pathCount }, (_, index) => pathColumn(index + 1));
  // A row whose extensions are kept apart has only the placeholder. It goes into the first of these columns.
  if (placeholder !== null)
    paths[0] = `CASE WHEN paths[1] = '${placeholder}' THEN '${placeholder}' || texts[1] || '${keyEnd}' ELSE ${paths[0]} END`;
  // Reversed: `list_position` finds the first match, but of two equal paths the later value counts (contract 4.11).
  const lists = `list_reverse(flatten(list_transform(x.extensions, lambda e: e.paths))) AS paths,
    list_reverse(flatten(list_transform(x.extensions, lambda e: e.texts))) AS texts`;
  return `SELECT ${[...core, ...paths].join(', ')} FROM (SELECT x.*, ${lists} FROM ${rows}) x`;
}

function pathColumn(position: number): string {
  return `texts[list_position(paths, getvariable('extension_paths')[${position}])]`;
}

/**
 * The names of the columns that hold these paths. A path is its column's name, unless a core column of the file has that
 * name: then `extensions.` stands before it, as often as it takes until no path of the file is spelled so. The names do
 * not depend on the order of the paths, and no two columns of a file have the same name (contract 4.11).
 */
function extensionNames(paths: readonly string[], core: readonly string[]): readonly string[] {
  const own = new Set(paths);
  return paths.map(path => {
    if (!core.includes(path)) return path;
    let name = `extensions.${path}`;
    while (own.has(name)) name = `extensions.${name}`;
    return name;
  });
}

/** The paths of the file's extension columns, and how many values have no column (contract 4.10 to 4.13). */
async function extensionColumns(
  planning: CsvPlanning,
  entity: Entity,
  slices: readonly Slice[],
): Promise<{ paths: readonly string[]; valuesLeftOut: number }> {
  const { located, layout } = planning;
  if (layout.extensions === 'none') return { paths: [], valuesLeftOut: 0 };
  if (layout.extensions === 'json') return { paths: ['extensions'], valuesLeftOut: 0 };
  const hasAny = slices.length > 0 && (located.apart.has(entity) || (await hasExtensions(located.connection, entity)));
  const rows = hasAny ? extensionRows(entity, slices) : [];
  const paths = layout.extensionColumns ?? (rows.length === 0 ? [] : await collectPaths(planning, entity, rows));
  if (paths.length > planning.maxExtensionColumns) throw tooManyColumns(planning, paths.length);
  if (slices.length === 0) return { paths, valuesLeftOut: 0 };
  await located.connection.run('SET VARIABLE extension_paths = $1', [listValue([...paths])], [LIST(VARCHAR)]);
  const valuesLeftOut = layout.extensionColumns === null ? 0 : await countLeftOut(planning, entity, rows);
  return { paths, valuesLeftOut };
}

/** Whether any row of the entity has extensions. When none has, DuckDB answers from the columns' statistics. */
async function hasExtensions(connection: DuckDBConnection, entity: Entity): Promise<boolean> {
  const { table } = entityTables[entity];
  const any = ['open', 'closed', 'late'].map(
    part => `(FROM ${table}_${part} SELECT 1 WHERE extensions IS NOT NULL LIMIT 1)`,
  );
  return (await readNumber(connection, `SELECT count(*) FROM (${any.join(' UNION ALL ')})`)) > 0;
}

/** Queries of the slices' rows with the columns that `collect_path_lists.sql` and `count_left_out.sql` read. */
function extensionRows(entity: Entity, slices: readonly Slice[]): readonly string[] {
  const columns = ['start_timestamp', entityTables[entity].id, 'extensions'];
  return slices.flatMap(slice => sliceRows(entity, slice, columns) ?? []);
}

/** All extension paths of the file's rows, in order of first appearance. Throws `TOO_MANY_COLUMNS`. */
async function collectPaths(
  planning: CsvPlanning,
  entity: Entity,
  slices: readonly string[],
): Promise<readonly string[]> {
  const { connection, apart } = planning.located;
  await connection.run(readSql('exports/create_path_lists.sql'));
  const { id } = entityTables[entity];
  for (const rows of slices) await connection.run(readSql('exports/collect_path_lists.sql', { rows, id }));
  if (apart.has(entity)) await collectApartPaths(connection, apart, entity);
  const distinctPaths = 'SELECT count(DISTINCT path) FROM (SELECT unnest(paths) AS path FROM path_lists)';
  const count = await readNumber(connection, distinctPaths);
  if (count > planning.maxExtensionColumns) throw tooManyColumns(planning, count);
  const reader = await connection.runAndReadAll(
    `SELECT path FROM (SELECT unnest(paths) AS path, generate_subscripts(paths, 1) AS position, first_row FROM path_lists)
     GROUP BY path ORDER BY min({'row': first_row, 'position': position})`,
  );
  return reader.getRows().map(([path]) => String(path));
}

/** Adds the paths of extensions that are kept apart, each list with the first row that has its paths. */
async function collectApartPaths(connection: DuckDBConnection, apart: ApartExtensions, entity: Entity): Promise<void> {
  const { table, id } = entityTables[entity];
  await connection.run('DELETE FROM path_lists WHERE paths = [$1]', [apart.placeholder]);
  for await (const { row, paths } of newPaths(apart.read(entity)))
    await connection.run(
      `INSERT INTO path_lists SELECT $1, {'rank': rank, 'started': start_timestamp, 'id': ${id}}
       FROM ${table}_placed WHERE number = ${row}`,
      [listValue([...paths])],
      [LIST(VARCHAR)],
    );
}

function tooManyColumns({ kind, maxExtensionColumns }: CsvPlanning, count: number): TidemarkError {
  return new TidemarkError(
    'TOO_MANY_COLUMNS',
    `the ${kind} file would have ${count} distinct extension columns; max_extension_columns allows ${maxExtensionColumns}. ` +
      'Use extensions=json or extensions=none, name fewer in extension_columns, narrow the window, or raise the setting',
  );
}

async function countLeftOut(
  { located, layout }: CsvPlanning,
  entity: Entity,
  slices: readonly string[],
): Promise<number> {
  const { apart, connection } = located;
  const values = { placeholder: quoteText(apart.placeholder) };
  let count = 0;
  for (const rows of slices)
    count += await readNumber(connection, readSql('exports/count_left_out.sql', { ...values, rows }));
  const ofApart = apart.read(entity);
  return count + (await countLeftOutApart(ofApart, layout.extensionColumns ?? []));
}

function headerLine(columns: readonly string[], separator: string): string {
  return stringify([[...columns]], csvOptions(separator));
}
