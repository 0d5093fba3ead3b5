import type { DuckDBConnection } from '@duckdb/node-api';
import { jsonHead, taskArrays } from '../../schemas/exports.ts';
import { fillSql, readSql } from '../../schemas/sql.ts';
import type { FilePlan } from './snapshot.ts';

/** Gathering a service's rows into one text takes memory, so it is done for about this many rows at a time. */
const rowsPerSlice = 40_000;

/** Plans the JSON or NDJSON file: the text of every service is put together by DuckDB, slice by slice in file order. */
export async function planJson(connection: DuckDBConnection, format: 'json' | 'ndjson'): Promise<FilePlan> {
  await connection.run(fillSql(readSql('exports/slices.sql'), { rows_per_slice: rowsPerSlice }));
  const reader = await connection.runAndReadAll('SELECT DISTINCT slice FROM slices ORDER BY slice');
  const slices = reader.getRows().map(([slice]) => Number(slice));
  const template = readSql('exports/json.sql');
  const places = {
    service_json: jsonHead('service'),
    state_json: jsonHead('state'),
    task_json: `${jsonHead('task')} || '}'`,
    task_arrays: taskArrays,
    comma: format === 'json' ? "CASE WHEN p.rank = 1 THEN '' ELSE ',' END" : "''",
  };
  return {
    head: format === 'json' ? '[\n' : '',
    queries: slices.map(slice => fillSql(template, { ...places, slice })),
    tail: format === 'json' ? ']\n' : '',
    // One column without quotes: every line is written as it is, JSON text holds no line break.
    copyOptions: "QUOTE '', ESCAPE '', DELIMITER ''",
    columns: [],
    valuesLeftOut: 0,
  };
}
