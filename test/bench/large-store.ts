import { existsSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { Database } from '../../connectors/duckdb/file/database.ts';
import { rowKey } from '../../connectors/duckdb/vectors/row-key.ts';
import { entityTables } from '../../schemas/columns.ts';
import { type Entity, entities } from '../../schemas/events/events.ts';

export interface LargeStore {
  readonly path: string;
  readonly services: number;
  readonly perService: Readonly<Record<Entity, number>>;
  /** So many of the services, spread evenly, are called `hit-<n>` and have the keys that ingestion would give them. */
  readonly hits: number;
}

const parts = 20;
/** About the length of a row's texts. */
const rowBytes = 200;

/** Makes a database of closed rows by SQL, in time order, as a long ingest would have left it; made once per path. */
export async function makeLargeStore({ path, services, perService, hits }: LargeStore): Promise<void> {
  if (existsSync(path)) return;
  const database = await Database.open({ path, memoryLimit: '2GB', threads: 2 });
  const connection = await database.connect();
  const size = services / parts;
  for (let part = 0; part < parts; part += 1) {
    for (const entity of entities) {
      await insert(
        connection,
        entity,
        rowsSql(entity, { from: part * size, to: (part + 1) * size, count: perService[entity] }),
      );
    }
    await insertHits(connection, {
      from: (part * hits) / parts,
      to: ((part + 1) * hits) / parts,
      at: (part + 1) * size,
    });
  }
  await connection.run(
    `INSERT INTO partitions (source, log, topic, partition, origin, kind, listed, first_offset, next_offset, records_read,
       applied, quarantined, batch)
     VALUES (0, 0, 'large', 0, 'made by SQL', 'live', false, 0, 1, 1, 1, 0, 1)`,
  );
  connection.closeSync();
  await database.close();
}

function insert(connection: DuckDBConnection, entity: Entity, select: string) {
  return connection.run(`INSERT INTO ${entityTables[entity].table}_closed ${select}`);
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Keys are spread like hashes, by a multiplication that is one-to-one on 52 bits. */
function rowsSql(entity: Entity, { from, to, count }: Range): string {
  const { ids, values } = entityTables[entity];
  const service = `(i // ${count})`;
  const seed = { service: 0, state: 1, task: 2 }[entity];
  const key = (number: string): string => `((${number})::HUGEINT * 2862933555777941757 % 4503599627370496)::BIGINT`;
  const columns = [
    ...ids.map(column =>
      column === 'service_id'
        ? `'large-' || lpad(${service}::VARCHAR, 9, '0') || '-0123456789abcdef'`
        : `'${entity}-' || i`,
    ),
    ...values.map(column => valueSql(column, service)),
  ];
  const keys = `${key(`i * 4 + ${seed}`)}, ${key(`${service} * 4`)}`;
  return `SELECT ${columns.join(', ')}, NULL, ${keys}, 1, 0, false, ${rowBytes} FROM range(${from * count}, ${to * count}) t(i)`;
}

async function insertHits(
  connection: DuckDBConnection,
  { from, to, at }: { from: number; to: number; at: number },
): Promise<void> {
  const { values } = entityTables.service;
  const rows = Array.from({ length: to - from }, (_, index) => {
    const id = `hit-${from + index}`;
    return `SELECT '${id}', ${values.map(column => valueSql(column, String(at))).join(', ')}, NULL, ${rowKey(id, 0)}, ${rowKey(id, 0)}, 1, 0, false, ${rowBytes} FROM range(1) t(i)`;
  });
  if (rows.length > 0) await insert(connection, 'service', rows.join(' UNION ALL '));
}

/** Half a second between services; one column in five is empty, the others as short as a contact centre's are. */
function valueSql(column: string, service: string): string {
  if (column === 'start_timestamp')
    return `make_timestamp((${service}::BIGINT * 500 + i % 500 + 1262304000000) * 1000)`;
  if (column === 'end_timestamp')
    return `make_timestamp((${service}::BIGINT * 500 + i % 60000 + 1262304600000) * 1000)`;
  if (column === 'est_duration') return '180 + i % 60';
  if (column.endsWith('_interaction_id')) return `'call-' || ${service}`;
  if (column.endsWith('_session_id')) return `'AA' || (i * 7919 % 1000000)`;
  if (column === 'customer_id') return `CASE WHEN i % 3 = 0 THEN (i * 7919 % 100000000)::VARCHAR END`;
  if (column === 'disposition_desc') return `CASE WHEN i % 2 = 0 THEN 'served by an agent' END`;
  return `(i % 97)::VARCHAR`;
}
