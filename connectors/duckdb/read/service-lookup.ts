import type { DuckDBConnection } from '@duckdb/node-api';
import { Semaphore } from '../../../pipeline/requests/semaphore.ts';
import { jsonLines, selected } from '../../../schemas/exports/exports.ts';
import { fillSql, readSql } from '../../../schemas/sql.ts';
import type { Database } from '../file/database.ts';
import { databaseFailure, savedMemory } from '../file/failure.ts';
import { beginWithSteadyRowids } from '../file/steady-rowids.ts';
import { rowKey } from '../vectors/row-key.ts';

/** The arrays of a service that are shown; of a state those of the same names. */
interface ShownArrays {
  readonly active_states: boolean;
  readonly completed_states: boolean;
  readonly active_tasks: boolean;
  readonly completed_tasks: boolean;
}

/** One row's own JSON without its closing brace, and where it belongs. */
interface Line {
  readonly active: boolean;
  /** JSON of the id of the state that it is or belongs to; empty for none. */
  readonly stateId: string;
  readonly head: string;
}

/** Whoever asks for one service must not take all memory and threads from exports. */
const lookupsAtOnce = 2;

/** Looks single services up, in the shape of the JSON export. */
export class ServiceLookup {
  readonly #database: Database;
  readonly #semaphore = new Semaphore(lookupsAtOnce);

  constructor(database: Database) {
    this.#database = database;
  }

  /** The service as one JSON text, with its numbers as they were spelled; null where there is none. */
  find(serviceId: string, shown: ShownArrays): Promise<string | null> {
    // No id holds a NUL, and DuckDB could not be asked for one.
    if (serviceId.includes('\0')) return Promise.resolve(null);
    return this.#semaphore.run(async () => {
      const connection = await this.#database.connect();
      try {
        await connection.run(beginWithSteadyRowids);
        return await readService(connection, serviceId, shown);
      } catch (error) {
        throw databaseFailure(error, 'read the service', savedMemory(this.#database.memoryLimit)) ?? error;
      } finally {
        connection.closeSync();
      }
    });
  }
}

async function readService(connection: DuckDBConnection, serviceId: string, shown: ShownArrays) {
  await connection.run('SET VARIABLE service_key = $1::BIGINT', [BigInt(rowKey(serviceId, 0))]);
  await connection.run('SET VARIABLE service_id = $1', [serviceId]);
  await connection.run(fillSql(readSql('exports/pick.sql'), { selected: selected('named') }));
  const [service] = await readTexts(connection, jsonLines('service', 'named'));
  if (service === undefined) return null;
  const states = (await readTexts(connection, jsonLines('state', 'named'))).map(lineOf);
  const tasks = (await readTexts(connection, jsonLines('task', 'named'))).map(lineOf);
  const stateIds = new Set(states.map(({ stateId }) => stateId));
  const withTasks = ({ head, stateId }: Line): string =>
    `${head}${tasksOf(
      tasks.filter(task => task.stateId === stateId),
      shown,
    )}}`;
  const own = tasks.filter(({ stateId }) => !stateIds.has(stateId));
  return `${service}${arrays([
    ['active_states', shown.active_states, states.filter(({ active }) => active).map(withTasks)],
    ['completed_states', shown.completed_states, states.filter(({ active }) => !active).map(withTasks)],
  ])}${tasksOf(own, shown)}}`;
}

function tasksOf(tasks: readonly Line[], { active_tasks, completed_tasks }: ShownArrays): string {
  const whole = (wanted: boolean) => tasks.filter(({ active }) => active === wanted).map(({ head }) => `${head}}`);
  return arrays([
    ['active_tasks', active_tasks, whole(true)],
    ['completed_tasks', completed_tasks, whole(false)],
  ]);
}

function arrays(members: readonly (readonly [name: string, isShown: boolean, items: readonly string[]])[]): string {
  const shown = members.filter(([, isShown]) => isShown);
  return shown.map(([name, , items]) => `,"${name}":[${items.join(',')}]`).join('');
}

async function readTexts(connection: DuckDBConnection, sql: string): Promise<readonly string[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRows().map(([text]) => String(text));
}

/** Splits what `jsonLines` puts before the row of a state or task. */
function lineOf(text: string): Line {
  const [, place = ''] = text.split('\t', 2);
  const head = text.slice(text.indexOf('\t', text.indexOf('\t') + 1) + 1);
  return { active: place.startsWith('A'), stateId: place.slice(1), head };
}
