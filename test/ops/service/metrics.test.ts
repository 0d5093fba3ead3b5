import { expect, test } from 'vitest';
import { ServiceMetrics } from '../../../ops/service/metrics.ts';
import { partitionStatuses } from '../../../ops/service/partition-status.ts';
import { addServiceGauges } from '../../../ops/service/service-gauges.ts';
import { StoredBatches } from '../../../ops/service/stored-batches.ts';
import { readPackage } from '../../../ops/software.ts';
import type { StoredBatch, StoredGroup } from '../../../pipeline/ingest/ingest.ts';
import { batchFacts, liveSource, sourcesOf } from '../../support/event-sources.ts';

test('the gauges of open transactions and of lateness have the values of the status, in seconds', async () => {
  const look = { at: 60_000, stable: 10, high: 15 };
  const waiting = { held: 'no registry', assignedAt: 0 };
  const sources = sourcesOf([
    liveSource(0, { look, stableSince: 58_500, ...waiting }),
    liveSource(1, waiting),
    liveSource(2, { isListed: true, assignedAt: null }),
  ]);
  const batches = new StoredBatches();
  batches.add(batchFacts({ lateness: [250, 7_000, 1_000] }));
  const metrics = new ServiceMetrics();
  const lateness = { allowedMs: 0, clockMs: 0 };
  metrics.addPartitionGauges(
    () => partitionStatuses(sources, { batches, lateness, now: 60_000 }),
    () => sources,
  );
  const lines = (await metrics.registry.metrics()).split('\n');
  const labels = '{topic="calls",partition="0"}';
  expect(lines).toEqual(
    expect.arrayContaining([
      'tidemark_unread_partitions 1',
      'tidemark_held_partitions 2',
      `tidemark_open_transaction_seconds${labels} 1.5`,
      `tidemark_lateness_p50_seconds${labels} 1`,
      `tidemark_lateness_p99_seconds${labels} 7`,
      `tidemark_lateness_max_seconds${labels} 7`,
    ]),
  );
  expect(lines.filter(line => /^tidemark_(lateness|open).*partition="1"/.test(line))).toEqual([]);
});

interface Given {
  readonly rejected?: StoredBatch['rejected'];
  readonly contradicted?: readonly string[];
}

/** A transaction of one batch. */
const groupOf = ({ rejected = new Map(), contradicted = [] }: Given): StoredGroup => ({
  batches: [{ facts: batchFacts(), bytesRead: 1, rejected }],
  milliseconds: 1,
  contradicted,
});

test('the lines of the log that were dropped are counted', async () => {
  let dropped = 3;
  const metrics = new ServiceMetrics(() => dropped);
  expect(await metrics.registry.metrics()).toMatch(/^tidemark_log_lines_dropped_total 3$/m);
  dropped = 5;
  expect(await metrics.registry.metrics()).toMatch(/^tidemark_log_lines_dropped_total 5$/m);
});

test('quarantined records are counted by partition and reason', async () => {
  const metrics = new ServiceMetrics();
  const rejected = new Map([
    ['KEY_MISMATCH', 2],
    ['MALFORMED', 1],
  ] as const);
  for (let batch = 0; batch < 2; batch += 1) metrics.stored(groupOf({ rejected }));
  const labels = 'topic="calls",partition="0"';
  expect((await metrics.registry.metrics()).match(/^tidemark_records_quarantined_total.*$/gm)).toEqual([
    `tidemark_records_quarantined_total{${labels},reason="KEY_MISMATCH"} 4`,
    `tidemark_records_quarantined_total{${labels},reason="MALFORMED"} 2`,
  ]);
});

test('each batch adds the complete exports that it contradicts to a counter', async () => {
  const metrics = new ServiceMetrics();
  const counted = async () => /^tidemark_contradictions_total (\d+)$/m.exec(await metrics.registry.metrics())?.[1];
  expect(await counted()).toBe('0');
  for (const contradicted of [['one', 'two'], [], ['one']]) metrics.stored(groupOf({ contradicted }));
  expect(await counted()).toBe('3');
});

test('the gauges show only the partitions that the service knows now', async () => {
  const statusesOf = (...numbers: readonly number[]) => {
    const look = { at: 0, stable: 15, high: 15 };
    const sources = sourcesOf(numbers.map(number => liveSource(number, { look })));
    return partitionStatuses(sources, { batches: null, lateness: { allowedMs: 0, clockMs: 0 }, now: 0 });
  };
  const metrics = new ServiceMetrics();
  let statuses = statusesOf(0, 1);
  metrics.addPartitionGauges(
    () => statuses,
    () => sourcesOf([]),
  );
  const lags = async () => (await metrics.registry.metrics()).match(/^tidemark_lag_records\{.*$/gm);
  const lagOf = (number: number) => `tidemark_lag_records{topic="calls",partition="${number}"} 5`;
  expect(await lags()).toEqual([lagOf(0), lagOf(1)]);
  statuses = statusesOf(1);
  expect(await lags(), 'partition 0 was assigned to another process').toEqual([lagOf(1)]);
});

test('the gauges of the service say whether it is ready, what it reads, when it last looked, and its version', async () => {
  const { registry } = new ServiceMetrics();
  let reasons = [{ general: 'a', detail: 'b' }];
  let lookedAt: number | null = null;
  const assigned = () => [{ partition: { topic: 'calls', partition: 0 }, at: 0 }];
  const watch = {
    get lookedAt() {
      return lookedAt;
    },
  };
  addServiceGauges(registry, { reasons: () => reasons, source: { assigned }, watch });
  const shown = async () => (await registry.metrics()).match(/^tidemark_(ready|assigned|log_look|build).*$/gm);
  const [version, node] = [readPackage().version, process.version];
  const build = `tidemark_build_info{version="${version}",node="${node}"} 1`;
  expect(await shown()).toEqual(['tidemark_ready 0', 'tidemark_assigned_partitions 1', build]);
  reasons = [];
  lookedAt = Date.now() + 60_000;
  expect(await shown()).toEqual([
    'tidemark_ready 1',
    'tidemark_assigned_partitions 1',
    'tidemark_log_look_age_seconds 0',
    build,
  ]);
});
