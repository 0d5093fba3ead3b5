import type { Lateness } from '../../pipeline/completeness/sources.ts';
import type { RequestStore } from '../../pipeline/export/request.ts';
import type { SnapshotReader } from '../../pipeline/export/snapshot.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import type { Clock } from '../../pipeline/ports.ts';
import { MemoryDatabase, MemoryWarehouse } from '../support/memory-warehouse.ts';

export interface OpenedStore {
  readonly warehouse: Warehouse;
  readonly snapshots: SnapshotReader;
  readonly requests: RequestStore;
}

/** A store that processes open one after another. */
export interface SimulatedStore {
  open(options: { readonly clock: Clock; readonly lateness: Lateness }): Promise<OpenedStore>;
  /** Ends the process that has it open; what is only noted is lost. */
  close(): Promise<void>;
  /** How many calls are running: while any is, the world stands still. */
  readonly running: number;
}

export function memoryStore(): SimulatedStore {
  const database = new MemoryDatabase();
  return {
    async open(options) {
      const warehouse = new MemoryWarehouse(database, options);
      return { warehouse, snapshots: warehouse, requests: database.requests };
    },
    close: async () => undefined,
    running: 0,
  };
}

/** Resolves when nothing can go on by itself any more: every promise waits for an operation. */
export async function settle(store: SimulatedStore): Promise<void> {
  do await new Promise(resolve => setImmediate(resolve));
  while (store.running > 0);
}
