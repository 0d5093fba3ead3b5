import type { DuckDBConnection } from '@duckdb/node-api';
import type { Selection } from '../../pipeline/selection.ts';
import { selected } from '../../schemas/exports.ts';
import { fillSql, readSql } from '../../schemas/sql.ts';
import { setWindow } from './placed-rows.ts';

/** The ids of a selection, read from one transaction's view. */
export class SelectedIds {
  readonly #connection: DuckDBConnection;
  readonly #selection: Selection;
  readonly #endTurn: () => void;

  constructor(connection: DuckDBConnection, selection: Selection, endTurn: () => void) {
    this.#connection = connection;
    this.#selection = selection;
    this.#endTurn = endTurn;
  }

  /** Writes them as one JSON array in file order, an id a line, honouring the sink's back-pressure. */
  async write(sink: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    await this.#connection.run(setWindow(this.#selection));
    const ids = await this.#connection.stream(
      fillSql(readSql('exports/ids.sql'), { selected: selected(this.#selection) }),
    );
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
    this.#endTurn();
  }
}
