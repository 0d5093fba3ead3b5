import { existsSync } from 'node:fs';
import { Database } from '../../connectors/duckdb/database.ts';
import { entityTables } from '../../schemas/columns.ts';
import type { Entity } from '../../schemas/events.ts';

/** How many rows of each table for `services` services: the shape of the figures that the design names. */
export const perService: Readonly<Record<Entity, number>> = { service: 1, state: 3, task: 2 };

/**
 * Makes a database of closed rows by SQL, in time order, as a long ingest would have left it; made once per path.
 * Keys of rows are made from their numbers: ingest of generated events must not meet them.
 */
export async function makeLargeStore(
  path: string,
  services: number,
  counts: Readonly<Record<Entity, number>>,
): Promise<void> {
  if (existsSync(path)) return;
  const database = await Database.open({ path, memoryLimit: '2GB', threads: 2 });
  const connection = await database.connect();
  for (const entity of ['service', 'state', 'task'] as const) {
    await connection.run(
      `INSERT INTO ${entityTables[entity].table}_closed ${rowsSql(entity, services, counts[entity])}`,
    );
  }
  await connection.run(
    `INSERT INTO partitions VALUES (0, 'large', 0, 'made by SQL', 1, NULL, 1, 1, 0, 1, TIMESTAMP '2030-01-01')`,
  );
  connection.closeSync();
  await database.close();
}

function rowsSql(entity: Entity, services: number, count: number): string {
  const { ids, values } = entityTables[entity];
  const service = entity === 'service' ? 'i' : `i // ${count}`;
  const keys = { service: 'i * 3', state: `(i + ${services}) * 3 + 1`, task: `(i + ${services}) * 3 + 2` };
  const columns = [
    ...ids.map(column =>
      column === 'service_id'
        ? `'large-' || lpad((${service})::VARCHAR, 9, '0') || '-0123456789abcdef'`
        : `'${entity}-' || i`,
    ),
    ...values.map(column => valueSql(column, service)),
  ];
  return `SELECT ${columns.join(', ')}, NULL, ${keys[entity]}, (${service}) * 3, 1, 0, false FROM range(${services * count}) t(i)`;
}

/** Half a second between services; one column in five is empty, the others as short as a contact centre's are. */
function valueSql(column: string, service: string): string {
  if (column === 'start_timestamp') return `make_timestamp(((${service}) * 500 + i % 500 + 1262304000000) * 1000)`;
  if (column === 'end_timestamp') return `make_timestamp(((${service}) * 500 + i % 60000 + 1262304600000) * 1000)`;
  if (column === 'est_duration') return '180 + i % 60';
  if (column.endsWith('_interaction_id')) return `'call-' || (${service})`;
  if (column.endsWith('_session_id')) return `'AA' || (i * 7919 % 1000000)`;
  if (column === 'customer_id') return `CASE WHEN i % 3 = 0 THEN (i * 7919 % 100000000)::VARCHAR END`;
  if (column === 'disposition_desc') return `CASE WHEN i % 2 = 0 THEN 'served by an agent' END`;
  return `(i % 97)::VARCHAR`;
}
