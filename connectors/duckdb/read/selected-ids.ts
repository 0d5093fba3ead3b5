import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../../pipeline/export/selection.ts';
import type { ByteSink } from '../../../pipeline/ports.ts';
import { windowCondition } from '../../../schemas/exports/selected-services.ts';
import { readSql } from '../../../schemas/tables/sql.ts';
import { adviceForReading, databaseFailure } from '../file/failure.ts';
import { beginWithSteadyRowids } from '../file/steady-rowids.ts';
import { setWindow } from './located-rows.ts';

interface IdsOptions {
  readonly selection: Selection;
  readonly memoryLimit: string;
  /** Called by `close`. */
  releasePermit(): void;
}

/** Reads the ids of the services of a selection in one transaction. */
export class SelectedIds {
  readonly #connection: DuckDBConnection;
  readonly #options: IdsOptions;

  constructor(connection: DuckDBConnection, options: IdsOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Writes one JSON array in file order, one id on each line, and waits for the sink after each chunk. */
  async write(sink: ByteSink): Promise<void> {
    try {
      await this.#write(sink);
    } catch (error) {
      throw databaseFailure(error, 'write the ids', adviceForReading(this.#options.memoryLimit)) ?? error;
    }
  }

  async #write(sink: ByteSink): Promise<void> {
    const { selection } = this.#options;
    await this.#connection.run(`${beginWithSteadyRowids} ${setWindow(selection)}`);
    const ids = await this.#connection.stream(
      readSql('exports/select_ids.sql', { condition: windowCondition(selection) }),
    );
    let before = '[\n';
    for (let chunk = await ids.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await ids.fetchChunk()) {
      const texts = chunk.getColumnValues(0).map(id => JSON.stringify(id));
      await sink(Buffer.from(`${before}${texts.join(',\n')}`));
      before = ',\n';
    }
    await sink(Buffer.from(before === '[\n' ? '[\n]\n' : '\n]\n'));
  }

  /** Makes a running `write` fail soon. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  async close(): Promise<void> {
    this.#connection.closeSync();
    this.#options.releasePermit();
  }
}
