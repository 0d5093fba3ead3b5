/** SQL conditions by which services are selected. */

interface Filters {
  readonly filterEvents: 'any' | 'started' | 'completed';
  readonly filterState: 'any' | 'active' | 'inactive';
}

/**
 * The condition on the rows of services, named `x`, for a window and its filters (contract 3.2, 3.4, 3.5). The window
 * is `[time_from, time_to)` in two variables of the connection, in milliseconds since 1970 UTC.
 */
export function windowCondition({ filterEvents, filterState }: Filters): string {
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

/**
 * The condition on the rows of services, named `x`, for the service in the variables `service_key` and `service_id`.
 */
export const oneServiceCondition =
  "x.service_key = getvariable('service_key') AND x.service_id = getvariable('service_id')";

/**
 * Joins rows, named `x`, with the table `selected_services`, named `s`. Two independent hashes, 117 bits together,
 * stand for the service's id and keep the join narrow. The second is compared in a form that DuckDB cannot use as a
 * join key, so it is computed only for rows that match in the first.
 */
export const selectedServiceJoin = 's.service_key = x.service_key AND xor(s.service_hash, hash(x.service_id)) = 0';
