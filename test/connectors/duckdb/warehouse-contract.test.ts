import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Database } from '../../../connectors/duckdb/file/database.ts';
import { DuckDbRequestStore } from '../../../connectors/duckdb/request-store.ts';
import { DuckDbSnapshots } from '../../../connectors/duckdb/snapshot.ts';
import { DuckDbWarehouse } from '../../../connectors/duckdb/warehouse.ts';
import { describeWarehouse, lateness, type OpenedWarehouse, storeClock } from '../../contracts/warehouse.ts';
import { describeContradictions } from '../../contracts/warehouse-contradictions.ts';
import { describeWarehouseExports } from '../../contracts/warehouse-exports.ts';
import { describeGroups } from '../../contracts/warehouse-groups.ts';
import { describeMarks } from '../../contracts/warehouse-marks.ts';
import { putEmptyDatabase } from '../../support/store.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function open(): Promise<OpenedWarehouse> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  const file = path.join(folder.path, 'test.duckdb');
  await putEmptyDatabase(file);
  return openFile(file);
}

async function openFile(file: string): Promise<OpenedWarehouse> {
  const database = await Database.open({ path: file, memoryLimit: '256MB', threads: 1 });
  const warehouse = await DuckDbWarehouse.open(database, { clock: storeClock, lateness });
  const requests = await DuckDbRequestStore.open(database, { now: storeClock.now });
  const snapshots = new DuckDbSnapshots(database, { maxExtensionColumns: 1000 });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await warehouse.close();
    await requests.close();
    await database.close();
  };
  onTestFinished(close);
  return {
    ...{ warehouse, snapshots, requests },
    async reopen() {
      await close();
      return openFile(file);
    },
  };
}

describeWarehouse('DuckDB', open);
describeGroups('DuckDB', open);
describeMarks('DuckDB', open);
describeWarehouseExports('DuckDB', open);
describeContradictions('DuckDB', open);
