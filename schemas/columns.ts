import type { Entity } from './events/events.ts';

/** The columns of the three tables and of their CSV files, in the order of contract 4.9. All SQL uses these lists. */

const startColumns = [
  'start_application_type',
  'start_session_id',
  'start_media_type',
  'start_application_id',
  'start_resource_type',
  'start_interaction_id',
  'start_resource_id',
  'start_timestamp',
] as const;

const endColumns = [
  'end_session_id',
  'end_timestamp',
  'end_media_type',
  'end_interaction_id',
  'end_application_type',
  'end_resource_type',
  'end_application_id',
  'end_resource_id',
] as const;

const sharedColumns = ['est_duration', 'disposition', 'disposition_desc', ...startColumns, ...endColumns] as const;

export interface EntityTable {
  readonly entity: Entity;
  /** The name of the view, and the kind of file in file names: services, states or tasks. */
  readonly table: string;
  /** The columns that identify a row, `service_id` first. */
  readonly ids: readonly string[];
  /** The row's own id: the last of `ids`. */
  readonly id: string;
  /** The stored columns that events can set, in the order of the files. */
  readonly values: readonly string[];
  /** The columns of a CSV file, without extensions. `is_anonymous` is computed, the others are stored. */
  readonly exported: readonly string[];
}

export const entityTables: Readonly<Record<Entity, EntityTable>> = {
  service: describe('service', ['service_id'], ['service_type', 'contact_key', 'customer_id', 'is_anonymous']),
  state: describe('state', ['service_id', 'state_id'], ['state_type', 'previous_state_id']),
  task: describe('task', ['service_id', 'task_id'], ['task_type', 'state_id']),
};

/** The SQL type of a stored column. */
export function columnType(column: string): 'TIMESTAMP' | 'BIGINT' | 'VARCHAR' {
  if (column.endsWith('_timestamp')) return 'TIMESTAMP';
  return column === 'est_duration' ? 'BIGINT' : 'VARCHAR';
}

/** What the values of a column of a CSV file are; a timestamp is UTC, as `2026-03-01T08:00:00.000Z`. */
export type ExportedType = 'text' | 'integer' | 'boolean' | 'timestamp' | 'json';

/** The type of a core column of a CSV file. */
export function exportedType(column: string): ExportedType {
  if (column === 'is_anonymous') return 'boolean';
  return ({ TIMESTAMP: 'timestamp', BIGINT: 'integer', VARCHAR: 'text' } as const)[columnType(column)];
}

function describe(entity: Entity, ids: readonly string[], own: readonly string[]): EntityTable {
  return {
    entity,
    table: `${entity}s`,
    ids,
    id: `${entity}_id`,
    values: [...own.filter(column => column !== 'is_anonymous'), ...sharedColumns],
    exported: [...ids, ...own, ...sharedColumns],
  };
}
