import { columnType, type EntityTable, entityTables } from '../columns.ts';
import { type Entity, occasionFields } from '../events/events.ts';
import { oneServiceCondition, selectedServiceJoin } from './selected-services.ts';

/** The columns, order and JSON of the rows in exported files, as SQL. */

const isoFormat = "'%Y-%m-%dT%H:%M:%S.%gZ'";

/**
 * The order of a file's rows (contract 4.17); no two rows are equal in it. `rank` is the SQL of their service's rank.
 */
export function orderKeys(entity: Entity, rank: string): string {
  const keys = entity === 'service' ? [rank] : [rank, 'x.start_timestamp', `x.${entityTables[entity].id}`];
  return keys.map(key => `${key} NULLS LAST`).join(', ');
}

/** The form in which rows have their extensions: left out, as stored, or as one JSON object. */
export type ExtensionForm = 'none' | 'lists' | 'object';

/** The columns that are carried through the sort of rows named `x`. They become text afterwards, so the sort holds less. */
export function sortedColumns(entity: Entity, extensions: ExtensionForm): readonly string[] {
  const { ids, values } = entityTables[entity];
  const forms = { none: [], lists: ['x.extensions'], object: [`${extensionsObject} AS extensions`] };
  return [...[...ids, ...values].map(column => `x.${column}`), ...forms[extensions]];
}

/** The columns of a CSV file without extensions (contract 4.9), of rows named `x`. */
export function csvColumns({ exported }: EntityTable): string[] {
  return exported.map(column => {
    if (column === 'is_anonymous') return 'x.customer_id IS NULL';
    return columnType(column) === 'TIMESTAMP' ? `strftime(x.${column}, ${isoFormat})` : `x.${column}`;
  });
}

/** A row's extensions as one JSON object; NULL when it has none. */
const extensionsObject = `CASE WHEN len(x.extensions) > 0 THEN '{' || list_aggregate(list_transform(x.extensions,
  lambda e: to_json(e.name)::VARCHAR || ':' || e.json), 'string_agg', ',') || '}' END`;

/**
 * The JSON lines of the service in `selected_services`, or of its states or tasks, in file order. It does not read
 * by address, because that takes more statements than reading one service is worth.
 */
export function oneServiceLines(entity: Entity): string {
  // For services the condition selects nothing new, but lets DuckDB skip row groups.
  const condition = entity === 'service' ? oneServiceCondition : 'true';
  const { table, ids } = entityTables[entity];
  const plain = sortedColumns(entity, 'none');
  const columns = ['s.rank', ...plain, `coalesce(a.extensions, ${extensionsObject}) AS extensions`].join(', ');
  const rows = `${table}_rows x JOIN selected_services s ON ${selectedServiceJoin}
    LEFT JOIN (FROM ${table}_apart_objects WHERE service_id = getvariable('service_id')) a USING (${ids.join(', ')})
    WHERE ${condition}`;
  return jsonLines(entity, `(SELECT ${columns} FROM ${rows} ORDER BY ${orderKeys(entity, 's.rank')}) x`);
}

/**
 * Rows, named `x`, as lines of JSON. Each is an object without its nested states and tasks and without its closing
 * brace. The line of a state or task begins with its service's rank, a tab, A or C (active or completed), the JSON of
 * the id of the state that it is or belongs to (nothing when there is none), and a tab. The rows have their extensions
 * as an `object`.
 */
export function jsonLines(entity: Entity, rows: string): string {
  if (entity === 'service') return `SELECT ${jsonHead(entity)} FROM ${rows}`;
  const prefix = `x.rank || chr(9) || CASE WHEN x.end_timestamp IS NULL THEN 'A' ELSE 'C' END || coalesce(${jsonText('x.state_id')}, '')`;
  return `SELECT ${prefix} || chr(9) || ${jsonHead(entity)} FROM ${rows}`;
}

/** The members of contract 4.14: absent values are left out, because concat skips NULL. */
function jsonHead(entity: Entity): string {
  const { id, exported } = entityTables[entity];
  const own = exported.filter(column => column !== 'service_id' && column !== id && !/^(start|end)_/.test(column));
  const members = [
    `'{"${id}":' || ${jsonText(`x.${id}`)}`,
    ...own.map(jsonMember),
    `',"duration":' || (epoch_ms(x.end_timestamp) - epoch_ms(x.start_timestamp))`,
    jsonSide('started', 'start'),
    jsonSide('completed', 'end'),
    `',"extensions":' || x.extensions`,
  ];
  return `concat(${members.join(', ')})`;
}

/**
 * A text as JSON. `to_json` takes six times the length of the text from DuckDB's memory, so long texts are escaped by
 * `replace`, unless they hold a control character that has no short escape.
 */
function jsonText(text: string): string {
  const escaped = shortEscapes.reduce((made, [from, to]) => `replace(${made}, ${from}, '${to}')`, text);
  return `CASE WHEN strlen(${text}) <= 1000000 OR regexp_matches(${text}, '[\\x00-\\x07\\x0b\\x0e-\\x1f]')
    THEN to_json(${text})::VARCHAR ELSE '"' || ${escaped} || '"' END`;
}

const shortEscapes = [
  ["'\\'", '\\\\'],
  [`'"'`, '\\"'],
  ['chr(8)', '\\b'],
  ['chr(9)', '\\t'],
  ['chr(10)', '\\n'],
  ['chr(12)', '\\f'],
  ['chr(13)', '\\r'],
] as const;

function jsonMember(column: string): string {
  if (column === 'is_anonymous') return `',"is_anonymous":' || (x.customer_id IS NULL)`;
  return `',"${column}":' || ${column === 'est_duration' ? 'x.est_duration' : jsonText(`x.${column}`)}`;
}

/** The fields of one side, as an object; absent when none of them was ever set. */
function jsonSide(name: string, side: 'start' | 'end'): string {
  const members = occasionFields.map(field => `',"${field}":' || ${jsonText(`x.${side}_${field}`)}`);
  const time = `',"timestamp":"' || strftime(x.${side}_timestamp, ${isoFormat}) || '"'`;
  return `',"${name}":{' || nullif(substr(concat(${[...members, time].join(', ')}), 2), '') || '}'`;
}
