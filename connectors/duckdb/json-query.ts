import { rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../pipeline/selection.ts';
import { jsonLines } from '../../schemas/exports.ts';
import { quoteText } from '../../schemas/sql.ts';
import { RankedLines } from './ranked-lines.ts';
import { ServiceAssembler } from './service-assembler.ts';
import type { FilePlan } from './snapshot.ts';

/** One column without quotes: every line is written as it is, for JSON text holds no line break. */
const lineOptions = "QUOTE '', ESCAPE '', DELIMITER ''";

export interface JsonPlanning {
  readonly connection: DuckDBConnection;
  readonly selection: Selection;
  readonly format: 'json' | 'ndjson';
  /** Where the lines of states and tasks wait for their services; what begins with it is removed at the end. */
  readonly scratchPath: string;
}

/**
 * Plans the JSON or NDJSON file: DuckDB writes every row's own JSON in file order, states and tasks into files beside
 * the database, and the rows of a service are put together as bytes while the services come.
 */
export async function planJson({ connection, selection, format, scratchPath }: JsonPlanning): Promise<FilePlan> {
  const files = { state: `${scratchPath}.states`, task: `${scratchPath}.tasks` };
  const release = async (): Promise<void> => {
    for (const file of Object.values(files)) await rm(file, { force: true });
  };
  try {
    for (const entity of ['state', 'task'] as const) {
      const target = `${quoteText(files[entity])} (FORMAT csv, HEADER false, ${lineOptions})`;
      await connection.run(`COPY (${jsonLines(entity, selection)}) TO ${target}`);
    }
  } catch (error) {
    await release();
    throw error;
  }
  const states = new RankedLines(files.state);
  const tasks = new RankedLines(files.task);
  return {
    head: format === 'json' ? '[\n' : '',
    query: jsonLines('service', selection),
    tail: format === 'json' ? ']\n' : '',
    copyOptions: lineOptions,
    columns: [],
    valuesLeftOut: 0,
    transform: new ServiceAssembler({ separator: format === 'json' ? ',\n' : '\n', states, tasks }),
    release: async () => {
      states.close();
      tasks.close();
      await release();
    },
  };
}
