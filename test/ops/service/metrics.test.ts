import { expect, test } from 'vitest';
import { ServiceMetrics } from '../../../ops/service/metrics.ts';
import { partitionStatuses } from '../../../ops/service/partition-status.ts';

test('the gauges show only the partitions that the service knows now', async () => {
  const statusesOf = (...numbers: readonly number[]) => {
    const ends = numbers.map(number => ({ partition: { topic: 'calls', partition: number }, low: 0, high: 5 }));
    return partitionStatuses({ known: [], ends, recordTimes: new Map(), now: 0 });
  };
  const metrics = new ServiceMetrics();
  let statuses = statusesOf(0, 1);
  metrics.addPartitionGauges(() => statuses);
  const lags = async () => (await metrics.registry.metrics()).match(/^tidemark_lag_records\{.*$/gm);
  const lagOf = (number: number) => `tidemark_lag_records{topic="calls",partition="${number}"} 5`;
  expect(await lags()).toEqual([lagOf(0), lagOf(1)]);
  statuses = statusesOf(1);
  expect(await lags(), 'partition 0 was assigned to another process').toEqual([lagOf(1)]);
});
