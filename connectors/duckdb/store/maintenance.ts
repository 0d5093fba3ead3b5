import type { DuckDBConnection } from '@duckdb/node-api';
import { entityTables } from '../../../schemas/columns.ts';
import { type Entity, entities } from '../../../schemas/events/events.ts';
import { entitySql } from '../../../schemas/tables/sql.ts';
import { readNumber } from '../file/read-number.ts';
import { beginWithSteadyRowids } from '../file/steady-rowids.ts';
import type { StagedBatch } from './staging.ts';

/** Late fragments and deletions are settled when there are more of them than this, because every reader merges them. */
const settleAfter = 100_000;
/** After this many changes of open rows, the open tables are checked for gaps of deleted rows. */
const checkGapsAfter = 100_000;
/**
 * All open rows are moved after so many bytes of rows were written anew, or half of the database's bytes if that is more:
 * what a row was before stays in the file until then.
 */
const moveAfterBytes = 64 << 20;
/** How many rows `move_first_open.sql` moves. */
const rowsMovedAtOnce = 10_000;

/**
 * Work between two batches that keeps storing and reading fast: it settles late fragments and moves open rows. Readers
 * see the same rows before and after.
 */
export class TableMaintenance {
  readonly #connection: DuckDBConnection;
  /** An upper bound of the number of late fragments and deletions. */
  #maxLate: number;
  #changedSinceCheck = 0;
  #writtenAnew = 0;
  #moveAfterBytes = moveAfterBytes;
  /** So many of the first open rows are still to be moved. Not up to a rowid: a checkpoint that drops row groups changes rowids. */
  readonly #leftToMove: Record<Entity, number> = { service: 0, state: 0, task: 0 };

  private constructor(connection: DuckDBConnection, late: number) {
    this.#connection = connection;
    this.#maxLate = late;
  }

  static async open(connection: DuckDBConnection): Promise<TableMaintenance> {
    return new TableMaintenance(connection, await countLate(connection));
  }

  /**
   * Does the work that is due after a batch. Each of its `seen` rows may now be a late fragment, or a gap in `open`.
   * `writtenAnew`: about how many bytes of rows the batch wrote anew.
   */
  async runAfter(
    { rows, deletedCount }: Pick<StagedBatch, 'rows' | 'deletedCount'>,
    writtenAnew: number,
  ): Promise<void> {
    const seen = entities.reduce((sum, entity) => sum + rows[entity].seenCount, 0);
    this.#maxLate += seen + deletedCount;
    if (this.#maxLate > settleAfter) {
      this.#maxLate = await countLate(this.#connection);
      if (this.#maxLate > settleAfter) await this.settleLate();
    }
    this.#changedSinceCheck += seen + deletedCount;
    this.#writtenAnew += writtenAnew;
    if (this.#writtenAnew > this.#moveAfterBytes) {
      await this.#beginToMoveAll();
      this.#changedSinceCheck = checkGapsAfter + 1;
    }
    // As long as rows have to move, each batch moves some of them.
    if (this.#changedSinceCheck > checkGapsAfter && !(await this.moveFirstOpen())) this.#changedSinceCheck = 0;
  }

  async #beginToMoveAll(): Promise<void> {
    for (const entity of entities)
      this.#leftToMove[entity] = await readNumber(
        this.#connection,
        `SELECT count(*) FROM ${entityTables[entity].table}_open`,
      );
    const size = 'SELECT used_blocks * block_size FROM pragma_database_size()';
    this.#writtenAnew = 0;
    this.#moveAfterBytes = Math.max(moveAfterBytes, (await readNumber(this.#connection, size)) / 2);
  }

  /** Stores the rows that late fragments change, merged, and removes the closed rows of deleted services. */
  async settleLate(): Promise<void> {
    const statements = entities.map(entity => entitySql('settle_late', entity));
    await this.#inTransaction([...statements, 'DELETE FROM deletions;']);
    this.#maxLate = 0;
  }

  /**
   * Moves the first rows of an open table to its end when all of them are to be moved, or when the gaps of deleted rows
   * between its first and its last row outnumber its rows by more than `minGaps`. DuckDB frees a row group only when its last
   * row is deleted, so a few services that never end would keep the disk space of all that ended. Returns whether any rows
   * were moved.
   */
  async moveFirstOpen(minGaps = checkGapsAfter): Promise<boolean> {
    let hasMoved = false;
    for (const entity of entities) {
      const count = `SELECT count(*), max(rowid) - min(rowid) + 1 FROM ${entityTables[entity].table}_open`;
      const reader = await this.#connection.runAndReadAll(count);
      const [rows, span] = reader.getRows()[0]!.map(Number) as [number, number];
      if (this.#leftToMove[entity] <= 0 && span <= 2 * rows + minGaps) continue;
      await this.#inTransaction([entitySql('move_first_open', entity)]);
      this.#leftToMove[entity] -= rowsMovedAtOnce;
      hasMoved = true;
    }
    return hasMoved;
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

function countLate(connection: DuckDBConnection): Promise<number> {
  const counts = entities.map(entity => `(SELECT count(*) FROM ${entityTables[entity].table}_late)`).join(' + ');
  return readNumber(connection, `SELECT ${counts} + (SELECT count(*) FROM deletions)`);
}
