import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../../pipeline/export/selection.ts';
import { selected } from '../../../schemas/exports/exports.ts';
import { fillSql, readSql } from '../../../schemas/sql.ts';
import { databaseFailure, savedMemory } from '../file/failure.ts';
import { beginWithSteadyRowids } from '../file/steady-rowids.ts';
import { setWindow } from './placed-rows.ts';

interface IdsParts {
  readonly selection: Selection;
  readonly memoryLimit: string;
  endTurn(): void;
}

/** The ids of a selection, read from one transaction's view. */
export class SelectedIds {
  readonly #connection: DuckDBConnection;
  readonly #parts: IdsParts;

  constructor(connection: DuckDBConnection, parts: IdsParts) {
    this.#connection = connection;
    this.#parts = parts;
  }

  /** Writes them as one JSON array in file order, an id a line, honouring the sink's back-pressure. */
  async write(sink: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    try {
      await this.#write(sink);
    } catch (error) {
      throw databaseFailure(error, 'write the ids', savedMemory(this.#parts.memoryLimit)) ?? error;
    }
  }

  async #write(sink: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const { selection } = this.#parts;
    await this.#connection.run(`${beginWithSteadyRowids} ${setWindow(selection)}`);
    const ids = await this.#connection.stream(fillSql(readSql('exports/ids.sql'), { selected: selected(selection) }));
    let before = '[\n';
    for (let chunk = await ids.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await ids.fetchChunk()) {
      const texts = chunk.getColumnValues(0).map(id => JSON.stringify(id));
      await sink(Buffer.from(`${before}${texts.join(',\n')}`));
      before = ',\n';
    }
    await sink(Buffer.from(before === '[\n' ? '[\n]\n' : '\n]\n'));
  }

  /** Makes a `write` that is under way fail soon. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  async close(): Promise<void> {
    this.#connection.closeSync();
    this.#parts.endTurn();
  }
}
