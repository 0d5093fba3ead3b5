import { columnType, type EntityTable, entityTables } from '../columns.ts';
import { type Entity, occasionFields } from '../events/events.ts';

/** The SQL of the exports, as far as it is made of column lists. */

const isoFormat = "'%Y-%m-%dT%H:%M:%S.%gZ'";

interface Filters {
  readonly filterEvents: 'any' | 'started' | 'completed';
  readonly filterState: 'any' | 'active' | 'inactive';
}

/** Which services: those of a window, or the one that the variables `service_key` and `service_id` name. */
type Chosen = Filters | 'named';

/** The condition on services' rows, named `x`, for a window and filters; the window itself comes in by two variables. */
export function selected(chosen: Chosen): string {
  if (chosen === 'named')
    return "x.service_key = getvariable('service_key') AND x.service_id = getvariable('service_id')";
  const { filterEvents, filterState } = chosen;
  const inWindow = (column: string): string =>
    `(x.${column} >= make_timestamp(getvariable('time_from') * 1000) AND x.${column} < make_timestamp(getvariable('time_to') * 1000))`;
  const events = {
    any: `(${inWindow('start_timestamp')} OR ${inWindow('end_timestamp')})`,
    started: inWindow('start_timestamp'),
    completed: inWindow('end_timestamp'),
  };
  const state = { any: 'true', active: 'x.end_timestamp IS NULL', inactive: 'x.end_timestamp IS NOT NULL' };
  return `${events[filterEvents]} AND ${state[filterState]}`;
}

/** The rows of one file, named `x`, joined with their picked service, `p`. */
function exportedRows(entity: Entity, filters: Chosen): string {
  // Of services the condition says nothing new, but lets whole row groups outside of the window be left unread.
  const where = entity === 'service' ? selected(filters) : 'true';
  return `${entityTables[entity].table}_rows x JOIN picked p ON ${isPicked} WHERE ${where}`;
}

/**
 * A row of a picked service: two independent hashes, 117 bits, stand for its id and keep the join narrow. The second is
 * compared in a way that is no join key, so that it is computed for the few rows which the first lets through.
 */
export const isPicked = 'p.service_key = x.service_key AND xor(p.service_hash, hash(x.service_id)) = 0';

/** The total order of a file's rows (contract, section 4), after their service's rank: text compares by its UTF-8 bytes. */
export function orderKeys(entity: Entity, rank: string): string {
  const keys = entity === 'service' ? [rank] : [rank, 'x.start_timestamp', `x.${entityTables[entity].id}`];
  return keys.map(key => `${key} NULLS LAST`).join(', ');
}

/** How a file's rows carry their extensions: not, as stored, or as one JSON object. */
export type CarriedExtensions = 'none' | 'lists' | 'object';

/** Which rows of a file, and how. */
interface RowsWanted {
  readonly entity: Entity;
  readonly filters: Chosen;
  readonly extensions: CarriedExtensions;
}

/**
 * Rows of one file in file order, as a subquery named `x` that has the `rank` of their service. Stored columns are
 * sorted and text is made of them afterwards, so that what a sort has to hold is small.
 */
export function orderedRows({ entity, filters, extensions }: RowsWanted): string {
  const columns = ['p.rank', ...carriedColumns(entity, extensions)].join(', ');
  return `(SELECT ${columns} FROM ${exportedRows(entity, filters)} ORDER BY ${orderKeys(entity, 'p.rank')}) x`;
}

/** The columns that a sort of a file's rows carries, of rows named `x`. */
export function carriedColumns(entity: Entity, extensions: CarriedExtensions): readonly string[] {
  const { ids, values } = entityTables[entity];
  const carried = { none: [], lists: ['x.extensions'], object: [`${extensionsObject} AS extensions`] };
  return [...[...ids, ...values].map(column => `x.${column}`), ...carried[extensions]];
}

/** The core columns of a CSV file. */
export function csvColumns({ exported }: EntityTable): string[] {
  return exported.map(column => {
    if (column === 'is_anonymous') return 'x.customer_id IS NULL';
    return columnType(column) === 'TIMESTAMP' ? `strftime(x.${column}, ${isoFormat})` : `x.${column}`;
  });
}

/** A row's extensions as one JSON object, NULL where there are none. */
const extensionsObject = `CASE WHEN len(x.extensions) > 0 THEN '{' || list_aggregate(list_transform(x.extensions,
  lambda e: to_json(e.name)::VARCHAR || ':' || e.json), 'string_agg', ',') || '}' END`;

/**
 * One file's rows as lines of JSON in file order: objects without what lies inside of them and without the closing brace.
 * Before a state or task stand its service's rank, a tab, A or C (active, completed) and the JSON of the id of the state
 * that it is or belongs to, and a tab.
 */
export function jsonLines(entity: Entity, filters: Chosen): string {
  return linesOf(entity, orderedRows({ entity, filters, extensions: 'object' }));
}

/** The same of rows that carry their extensions as an object. */
export function linesOf(entity: Entity, rows: string): string {
  if (entity === 'service') return `SELECT ${jsonHead(entity)} FROM ${rows}`;
  const place = `x.rank || chr(9) || CASE WHEN x.end_timestamp IS NULL THEN 'A' ELSE 'C' END || coalesce(to_json(x.state_id)::VARCHAR, '')`;
  return `SELECT ${place} || chr(9) || ${jsonHead(entity)} FROM ${rows}`;
}

/** Numbers are est_duration and duration, is_anonymous is a boolean, all else strings; what is absent is left out. */
function jsonHead(entity: Entity): string {
  const { id, exported } = entityTables[entity];
  const own = exported.filter(column => column !== 'service_id' && column !== id && !/^(start|end)_/.test(column));
  const members = [
    `'{"${id}":' || to_json(x.${id})::VARCHAR`,
    ...own.map(jsonMember),
    `',"duration":' || (epoch_ms(x.end_timestamp) - epoch_ms(x.start_timestamp))`,
    jsonSide('started', 'start'),
    jsonSide('completed', 'end'),
    `',"extensions":' || x.extensions`,
  ];
  return `concat(${members.join(', ')})`;
}

function jsonMember(column: string): string {
  if (column === 'is_anonymous') return `',"is_anonymous":' || (x.customer_id IS NULL)`;
  return `',"${column}":' || ${column === 'est_duration' ? 'x.est_duration' : `to_json(x.${column})::VARCHAR`}`;
}

/** One side's occasion; absent where nothing ever set it. */
function jsonSide(name: string, side: 'start' | 'end'): string {
  const members = occasionFields.map(field => `',"${field}":' || to_json(x.${side}_${field})::VARCHAR`);
  const time = `',"timestamp":"' || strftime(x.${side}_timestamp, ${isoFormat}) || '"'`;
  return `',"${name}":{' || nullif(substr(concat(${[...members, time].join(', ')}), 2), '') || '}'`;
}
