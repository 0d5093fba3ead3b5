/**
 * Opens a database, which carries it over, and dies by SIGKILL after so many statements of the first step: `path count`, or
 * after the first step: `path step`. When there are fewer, it opens the database wholly and dies then, without closing it.
 */
import { DuckDBConnection } from '@duckdb/node-api';
import { Database } from '../../connectors/duckdb/file/database.ts';

const [path = '', count = '0'] = process.argv.slice(2);
const run = DuckDBConnection.prototype.run;
const die = (): void => void process.kill(process.pid, 'SIGKILL');

DuckDBConnection.prototype.run = async function (sql, ...rest) {
  if (!sql.includes('partitions_2')) return run.call(this, sql, ...rest);
  const statements = await this.extractStatements(sql);
  for (let at = 0; at < statements.count; at += 1) {
    if (at === Number(count)) die();
    const prepared = await statements.prepare(at);
    await prepared.run();
  }
  if (count === 'step') die();
  return run.call(this, 'SELECT 1');
};

await Database.open({ path, memoryLimit: '256MB', threads: 1 });
die();
