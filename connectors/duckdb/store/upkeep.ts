import type { DuckDBConnection } from '@duckdb/node-api';
import { entityTables } from '../../../schemas/columns.ts';
import { entities } from '../../../schemas/events/events.ts';
import { beginWithSteadyRowids } from '../file/steady-rowids.ts';
import { filledSql } from './filled-sql.ts';
import type { StagedBatch } from './staging.ts';

/** Late fragments beyond this many are settled into their rows, so that reading stays cheap. */
const settleAfter = 100_000;
/** So many open rows are changed before anyone looks whether the room they leave is too much. */
const lookAfter = 100_000;

/** What the tables need between two batches so that the next ones, and readers, stay cheap. Changes no row that a reader sees. */
export class Upkeep {
  readonly #connection: DuckDBConnection;
  /** Never below the number of late fragments and deletions. */
  #lateAtMost: number;
  #changedSinceLook = 0;

  private constructor(connection: DuckDBConnection, late: number) {
    this.#connection = connection;
    this.#lateAtMost = late;
  }

  static async open(connection: DuckDBConnection): Promise<Upkeep> {
    return new Upkeep(connection, await countLate(connection));
  }

  /** After each batch. Any of its perhaps-seen rows may have landed in `late`, or have left room in `open`. */
  async after({ rows, deletedCount }: Pick<StagedBatch, 'rows' | 'deletedCount'>): Promise<void> {
    const seen = entities.reduce((sum, entity) => sum + rows[entity].seenCount, 0);
    this.#lateAtMost += seen + deletedCount;
    if (this.#lateAtMost > settleAfter) {
      this.#lateAtMost = await countLate(this.#connection);
      if (this.#lateAtMost > settleAfter) await this.settle();
    }
    this.#changedSinceLook += seen + deletedCount;
    // While there is something to move, each batch moves a part of it.
    if (this.#changedSinceLook > lookAfter && !(await this.moveForemost())) this.#changedSinceLook = 0;
  }

  /** Folds late fragments into their rows and drops deleted ones. */
  async settle(): Promise<void> {
    await this.#inTransaction([...entities.map(entity => filledSql('settle', entity)), 'DELETE FROM deletions;']);
    this.#lateAtMost = 0;
  }

  /**
   * A row group leaves the open table when its last row does: services that never end would keep it, and all the room of
   * those that did. Where more than half is such room, and `spare` rows more, the foremost rows move to the end. Resolves
   * to whether any did.
   */
  async moveForemost(spare = lookAfter): Promise<boolean> {
    let moved = false;
    for (const entity of entities) {
      const count = `SELECT count(*), max(rowid) - min(rowid) + 1 FROM ${entityTables[entity].table}_open`;
      const reader = await this.#connection.runAndReadAll(count);
      const rows = Number(reader.value(0, 0));
      if (Number(reader.value(1, 0)) <= 2 * rows + spare) continue;
      await this.#inTransaction([filledSql('move_foremost', entity)]);
      moved = true;
    }
    return moved;
  }

  async #inTransaction(statements: readonly string[]): Promise<void> {
    try {
      await this.#connection.run([beginWithSteadyRowids, ...statements, 'COMMIT;'].join('\n'));
    } catch (error) {
      await this.#connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }
}

async function countLate(connection: DuckDBConnection): Promise<number> {
  const counts = entities.map(entity => `(SELECT count(*) FROM ${entityTables[entity].table}_late)`).join(' + ');
  const reader = await connection.runAndReadAll(`SELECT ${counts} + (SELECT count(*) FROM deletions)`);
  return Number(reader.value(0, 0));
}
