import { columnType, type EntityTable, entityTables } from './columns.ts';
import { type Entity, occasionFields } from './events.ts';

/** The SQL of the exports, as far as it is made of column lists. */

const isoFormat = "'%Y-%m-%dT%H:%M:%S.%gZ'";

export interface Filters {
  readonly filterEvents: 'any' | 'started' | 'completed';
  readonly filterState: 'any' | 'active' | 'inactive';
}

/** The condition on services' rows, named `x`, for a window and filters; the window itself comes in by two variables. */
export function selected({ filterEvents, filterState }: Filters): string {
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

/** The rows of one file, named `x`: services by the condition itself, states and tasks by the selection, named `p`. */
export function exportedRows(entity: Entity, filters: Filters): string {
  if (entity === 'service') return `services_rows x WHERE ${selected(filters)}`;
  const { table } = entityTables[entity];
  return `${table}_rows x JOIN picked p ON p.service_key = x.service_key AND p.service_id = x.service_id WHERE true`;
}

/** The total order of a file's rows (contract, section 4): text compares by its UTF-8 bytes. */
export function exportedOrder(entity: Entity): string {
  const own = `x.start_timestamp NULLS LAST, x.${entityTables[entity].id}`;
  return entity === 'service' ? own : `p.rank, ${own}`;
}

/** The same order as one comparable value: inside of a row NULL comes last by itself. */
export function exportedPlace(entity: Entity): string {
  const keys = exportedOrder(entity).replace(' NULLS LAST', '').split(', ');
  return `{${keys.map((key, index) => `'key${index}': ${key}`).join(', ')}}`;
}

/** The core columns of a CSV file. */
export function csvColumns({ exported }: EntityTable): string[] {
  return exported.map(column => {
    if (column === 'is_anonymous') return 'x.customer_id IS NULL';
    return columnType(column) === 'TIMESTAMP' ? `strftime(x.${column}, ${isoFormat})` : `x.${column}`;
  });
}

/**
 * A row's JSON up to, not including, what is inside of it and the closing brace. Numbers are est_duration and
 * duration, is_anonymous is a boolean, all else strings; what is absent is left out.
 */
export function jsonHead(entity: Entity): string {
  const { table, id, exported } = entityTables[entity];
  const own = exported.filter(column => column !== 'service_id' && column !== id && !/^(start|end)_/.test(column));
  const members = [
    `'{"${id}":' || to_json(x.${id})::VARCHAR`,
    ...own.map(jsonMember),
    `',"duration":' || (epoch_ms(x.end_timestamp) - epoch_ms(x.start_timestamp))`,
    jsonSide('started', 'start'),
    jsonSide('completed', 'end'),
    `',"extensions":{' || list_aggregate(list_transform(
       CASE WHEN len(x.extensions) > 0 THEN x.extensions END,
       lambda e: to_json(e.name)::VARCHAR || ':' || e.json), 'string_agg', ',') || '}'`,
  ];
  return `/* ${table} */ concat(${members.join(', ')})`;
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

/** The two arrays of tasks, from the aliases of `exports/json.sql`. */
export const taskArrays = `concat(',"active_tasks":[', t.active_tasks, '],"completed_tasks":[', t.completed_tasks, ']')`;
