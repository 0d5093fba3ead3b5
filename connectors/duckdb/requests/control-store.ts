import type { TidemarkError } from '../../../pipeline/errors.ts';
import type { ControlPosition } from '../../../pipeline/export/request.ts';
import type { QuarantinedRecord } from '../../../pipeline/ingest/warehouse.ts';
import type { StoredPosition } from '../../../pipeline/ports.ts';
import type { ControlStore } from '../../../pipeline/requests/control.ts';
import { type RefusedRequest, refusalOf } from '../../../pipeline/requests/statuses.ts';
import type { Transactions } from '../file/transactions.ts';
import { quarantineColumns } from '../store/staged-columns.ts';
import { appendChunks, buildChunks } from '../vectors/row-chunks.ts';
import { moveControlPosition, readControlPositions } from './control-positions.ts';
import type { DuckDbOutbox } from './outbox.ts';

/** Stores the outcome of control records that make no request. Each call moves the topic's position as well. */
export class DuckDbControlStore implements ControlStore {
  readonly #transactions: Transactions;
  readonly #outbox: DuckDbOutbox;
  readonly #context: () => Parameters<typeof refusalOf>[2];

  constructor(transactions: Transactions, outbox: DuckDbOutbox, context: () => Parameters<typeof refusalOf>[2]) {
    this.#transactions = transactions;
    this.#outbox = outbox;
    this.#context = context;
  }

  positions(): Promise<readonly StoredPosition[]> {
    return this.#transactions.autocommit(readControlPositions);
  }

  pass(control: ControlPosition): Promise<void> {
    return this.#transactions.run(connection => moveControlPosition(connection, control));
  }

  refuse(refused: RefusedRequest, error: TidemarkError, control: ControlPosition): Promise<void> {
    return this.#transactions.run(async connection => {
      await moveControlPosition(connection, control);
      await this.#outbox.add(connection, refusalOf(refused, error, this.#context()));
    });
  }

  quarantine(entry: QuarantinedRecord, control: ControlPosition): Promise<void> {
    return this.#transactions.run(async connection => {
      await moveControlPosition(connection, control);
      const { partition } = control;
      await appendChunks(connection, 'quarantine', buildChunks(quarantineColumns, [{ ...entry, partition }]));
    });
  }
}
