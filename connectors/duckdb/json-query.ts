import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../pipeline/selection.ts';
import { jsonLines } from '../../schemas/exports.ts';
import { quoteText } from '../../schemas/sql.ts';
import type { FilePlan } from './file-plan.ts';
import { RankedLines } from './ranked-lines.ts';
import { ServiceAssembler } from './service-assembler.ts';

/** One column without quotes: every line is written as it is, for JSON text holds no line break. */
const lineOptions = "QUOTE '', ESCAPE '', DELIMITER ''";

export interface JsonPlanning {
  readonly connection: DuckDBConnection;
  readonly selection: Selection;
  readonly format: 'json' | 'ndjson';
  /** What the names of files begin with in which the lines of states and tasks wait for their services. */
  readonly scratchPath: string;
}

/**
 * Plans the JSON or NDJSON file: DuckDB writes every row's own JSON in file order, states and tasks into files
 * beside the database, and the rows of a service are put together as bytes while the services come.
 */
export function planJson({ connection, selection, format, scratchPath }: JsonPlanning): FilePlan {
  const waiting = { state: new RankedLines(), task: new RankedLines() };
  const query = async (): Promise<string> => {
    for (const entity of ['state', 'task'] as const) {
      const path = `${scratchPath}.${entity}`;
      const target = `${quoteText(path)} (FORMAT csv, HEADER false, ${lineOptions})`;
      await connection.run(`COPY (${jsonLines(entity, selection)}) TO ${target}`);
      waiting[entity].open(path);
    }
    return jsonLines('service', selection);
  };
  return {
    head: format === 'json' ? '[\n' : '',
    query,
    tail: format === 'json' ? ']\n' : '',
    copyOptions: lineOptions,
    columns: [],
    valuesLeftOut: 0,
    transform: new ServiceAssembler({
      separator: format === 'json' ? ',\n' : '\n',
      states: waiting.state,
      tasks: waiting.task,
    }),
    release: () => {
      waiting.state.close();
      waiting.task.close();
    },
  };
}
