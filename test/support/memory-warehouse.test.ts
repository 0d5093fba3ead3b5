import { describeWarehouse, lateness, type OpenedWarehouse, storeClock } from '../contracts/warehouse.ts';
import { describeContradictions } from '../contracts/warehouse-contradictions.ts';
import { describeWarehouseExports } from '../contracts/warehouse-exports.ts';
import { describeGroups } from '../contracts/warehouse-groups.ts';
import { describeMarks } from '../contracts/warehouse-marks.ts';
import { MemoryDatabase, MemoryWarehouse } from './memory-warehouse.ts';

function openOver(database: MemoryDatabase): OpenedWarehouse {
  const warehouse = new MemoryWarehouse(database, { clock: storeClock, lateness });
  return { warehouse, snapshots: warehouse, requests: database.requests, reopen: async () => openOver(database) };
}

describeWarehouse('memory', async () => openOver(new MemoryDatabase()));
describeGroups('memory', async () => openOver(new MemoryDatabase()));
describeMarks('memory', async () => openOver(new MemoryDatabase()));
describeWarehouseExports('memory', async () => openOver(new MemoryDatabase()));
describeContradictions('memory', async () => openOver(new MemoryDatabase()));
