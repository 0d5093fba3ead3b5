import { Database } from '../../connectors/duckdb/file/database.ts';
import { DuckDbRequestStore } from '../../connectors/duckdb/request-store.ts';
import { DuckDbSnapshots } from '../../connectors/duckdb/snapshot.ts';
import { DuckDbWarehouse } from '../../connectors/duckdb/warehouse.ts';
import type { SnapshotReader } from '../../pipeline/export/snapshot.ts';
import type { SimulatedStore } from './simulated-store.ts';

/** A database file as the store of a simulation. */
export function duckDbStore(file: string): SimulatedStore {
  const calls = { running: 0 };
  let close = async (): Promise<void> => undefined;
  return {
    async open({ clock, lateness }) {
      const database = await Database.open({ path: file, memoryLimit: '256MB', threads: 1 });
      const warehouse = await DuckDbWarehouse.open(database, { clock, lateness });
      const requests = await DuckDbRequestStore.open(database, clock);
      const snapshots = new DuckDbSnapshots(database, { maxExtensionColumns: 1000 });
      close = async () => {
        await warehouse.close();
        await requests.close();
        await database.close();
      };
      return {
        warehouse: counted(warehouse, calls),
        requests: counted(requests, calls),
        snapshots: countedSnapshots(snapshots, calls),
      };
    },
    close: () => close(),
    get running() {
      return calls.running;
    },
  };
}

interface Calls {
  running: number;
}

function countedSnapshots(real: SnapshotReader, calls: Calls): SnapshotReader {
  const counting = counted(real, calls);
  return { snapshot: async (selection, layout) => counted(await counting.snapshot(selection, layout), calls) };
}

/** The object, whose calls are counted while they run. */
function counted<T extends object>(real: T, calls: Calls): T {
  return new Proxy(real, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...given: readonly unknown[]) => {
        const result: unknown = Reflect.apply(value, target, given);
        if (!(result instanceof Promise)) return result;
        calls.running += 1;
        return result.finally(() => {
          calls.running -= 1;
        });
      };
    },
  });
}
