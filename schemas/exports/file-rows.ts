import { columnType, type EntityTable, entityTables } from '../columns.ts';
import { type Entity, entities, occasionFields } from '../events/events.ts';
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
export function oneServiceLines(entity: Entity, texts: TextLengths): string {
  // For services the condition selects nothing new, but lets DuckDB skip row groups.
  const condition = entity === 'service' ? oneServiceCondition : 'true';
  const { table, ids } = entityTables[entity];
  const plain = sortedColumns(entity, 'none');
  const columns = ['s.rank', ...plain, `coalesce(a.extensions, ${extensionsObject}) AS extensions`].join(', ');
  const rows = `${table}_rows x JOIN selected_services s ON ${selectedServiceJoin}
    LEFT JOIN (FROM ${table}_apart_objects WHERE service_id = getvariable('service_id')) a USING (${ids.join(', ')})
    WHERE ${condition}`;
  return jsonLines(entity, `(SELECT ${columns} FROM ${rows} ORDER BY ${orderKeys(entity, 's.rank')}) x`, texts);
}

/** The most bytes that the texts of one row of the service in `selected_services` have. */
export const mostBytesOfOneService = `SELECT max(bytes) FROM (${entities
  .map(
    entity =>
      `SELECT x.bytes FROM ${entityTables[entity].table}_rows x JOIN selected_services s ON ${selectedServiceJoin}`,
  )
  .join(' UNION ALL ')})`;

/** From so many bytes on, a text needs another way to become JSON, which takes longer to plan. */
export const longTextBytes = 1_000_000;

/** Whether rows may have texts of at least `longTextBytes`. */
type TextLengths = 'short' | 'any';

/**
 * Rows, named `x`, as lines of JSON. Each is an object without its nested states and tasks and without its closing
 * brace. The line of a state or task begins with its service's rank, a tab, A or C (active or completed), the JSON of
 * the id of the state that it is or belongs to (nothing when there is none), and a tab. The rows have their extensions
 * as an `object`.
 */
export function jsonLines(entity: Entity, rows: string, texts: TextLengths): string {
  const toJson = texts === 'any' ? anyTextToJson : shortTextToJson;
  if (entity === 'service') return `SELECT ${jsonHead(entity, toJson)} FROM ${rows}`;
  const prefix = `x.rank || chr(9) || CASE WHEN x.end_timestamp IS NULL THEN 'A' ELSE 'C' END || coalesce(${toJson('x.state_id')}, '')`;
  return `SELECT ${prefix} || chr(9) || ${jsonHead(entity, toJson)} FROM ${rows}`;
}

/** The members of contract 4.14: absent values are left out, because concat skips NULL. */
function jsonHead(entity: Entity, toJson: TextToJson): string {
  const { id, exported } = entityTables[entity];
  const own = exported.filter(column => column !== 'service_id' && column !== id && !/^(start|end)_/.test(column));
  const members = [
    `'{"${id}":' || ${toJson(`x.${id}`)}`,
    ...own.map(column => jsonMember(column, toJson)),
    `',"duration":' || (epoch_ms(x.end_timestamp) - epoch_ms(x.start_timestamp))`,
    jsonSide('started', 'start', toJson),
    jsonSide('completed', 'end', toJson),
    `',"extensions":' || x.extensions`,
  ];
  return `concat(${members.join(', ')})`;
}

/** The SQL of a text as JSON. */
type TextToJson = (text: string) => string;

const shortTextToJson: TextToJson = text => `to_json(${text})::VARCHAR`;

/**
 * `to_json` takes six times the length of the text from DuckDB's memory, so long texts are escaped by `replace`, unless they
 * hold a control character that has no short escape. DuckDB needs about 10 ms longer to plan a query with so many terms.
 */
function anyTextToJson(text: string): string {
  const escaped = shortEscapes.reduce((made, [from, to]) => `replace(${made}, ${from}, '${to}')`, text);
  return `CASE WHEN strlen(${text}) < ${longTextBytes} OR regexp_matches(${text}, '[\\x00-\\x07\\x0b\\x0e-\\x1f]')
    THEN ${shortTextToJson(text)} ELSE '"' || ${escaped} || '"' END`;
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

function jsonMember(column: string, toJson: TextToJson): string {
  if (column === 'is_anonymous') return `',"is_anonymous":' || (x.customer_id IS NULL)`;
  return `',"${column}":' || ${column === 'est_duration' ? 'x.est_duration' : toJson(`x.${column}`)}`;
}

/** The fields of one side, as an object; absent when none of them was ever set. */
function jsonSide(name: string, side: 'start' | 'end', toJson: TextToJson): string {
  const members = occasionFields.map(field => `',"${field}":' || ${toJson(`x.${side}_${field}`)}`);
  const time = `',"timestamp":"' || strftime(x.${side}_timestamp, ${isoFormat}) || '"'`;
  return `',"${name}":{' || nullif(substr(concat(${[...members, time].join(', ')}), 2), '') || '}'`;
}
