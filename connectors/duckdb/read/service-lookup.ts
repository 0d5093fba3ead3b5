import type { DuckDBConnection } from '@duckdb/node-api';
import { Semaphore } from '../../../pipeline/requests/semaphore.ts';
import { longTextBytes, mostBytesOfOneService, oneServiceLines } from '../../../schemas/exports/file-rows.ts';
import { oneServiceCondition } from '../../../schemas/exports/selected-services.ts';
import { readSql } from '../../../schemas/tables/sql.ts';
import type { Database } from '../file/database.ts';
import { adviceForReading, databaseFailure } from '../file/failure.ts';
import { readNumber } from '../file/read-number.ts';
import { beginWithSteadyRowids } from '../file/steady-rowids.ts';
import { rowKey } from '../vectors/row-key.ts';

/** Which arrays of a service, and of its states, are shown. */
interface ShownArrays {
  readonly active_states: boolean;
  readonly completed_states: boolean;
  readonly active_tasks: boolean;
  readonly completed_tasks: boolean;
}

/** A state or task. */
interface Line {
  readonly active: boolean;
  /** The JSON of the id of the state that it is or belongs to; empty for none. */
  readonly stateId: string;
  /** The row's own JSON without its closing brace. */
  readonly head: string;
}

/** Few, so that look-ups do not take all memory and threads from exports. */
const lookupsAtOnce = 2;

/** Looks up single services. */
export class ServiceLookup {
  readonly #database: Database;
  readonly #semaphore = new Semaphore(lookupsAtOnce);

  constructor(database: Database) {
    this.#database = database;
  }

  /** Returns the service as a JSON export has it (contract 4.14, 4.15); null when there is none. */
  find(serviceId: string, shown: ShownArrays): Promise<string | null> {
    // No id holds NUL (contract 1.7), and DuckDB takes no parameter that does.
    if (serviceId.includes('\0')) return Promise.resolve(null);
    return this.#semaphore.run(async () => {
      const connection = await this.#database.connect();
      try {
        await connection.run(beginWithSteadyRowids);
        return await readService(connection, serviceId, shown);
      } catch (error) {
        throw databaseFailure(error, 'read the service', adviceForReading(this.#database.memoryLimit)) ?? error;
      } finally {
        connection.closeSync();
      }
    });
  }
}

async function readService(connection: DuckDBConnection, serviceId: string, shown: ShownArrays) {
  await connection.run('SET VARIABLE service_key = $1::BIGINT', [BigInt(rowKey(serviceId, 0))]);
  await connection.run('SET VARIABLE service_id = $1', [serviceId]);
  await connection.run(readSql('exports/select_one_service.sql', { condition: oneServiceCondition }));
  const texts = (await readNumber(connection, mostBytesOfOneService)) < longTextBytes ? 'short' : 'any';
  const [service] = await readTexts(connection, oneServiceLines('service', texts));
  if (service === undefined) return null;
  const states = (await readTexts(connection, oneServiceLines('state', texts))).map(parseLine);
  const tasks = (await readTexts(connection, oneServiceLines('task', texts))).map(parseLine);
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

/** Splits a line of `jsonLines` for a state or task. */
function parseLine(text: string): Line {
  const [, prefix = ''] = text.split('\t', 2);
  const head = text.slice(text.indexOf('\t', text.indexOf('\t') + 1) + 1);
  return { active: prefix.startsWith('A'), stateId: prefix.slice(1), head };
}
