import { expect, test } from 'vitest';
import { ReplayingPlace } from '../../support/replaying-service.ts';

test('a replay that runs out of memory fails with OUT_OF_MEMORY, and names its setting and no folder', async () => {
  const place = await ReplayingPlace.make(10);
  const service = place.start('--replay-memory-limit', '1MB');
  await service.stored(10);
  await service.replay('march');
  const { error } = await service.reached('march', 'completed', 'failed');
  expect(error?.code).toBe('OUT_OF_MEMORY');
  expect(error?.message).toMatch(
    /^could not open the database march-[0-9a-f]{16}\.duckdb: memory ran out; raise replay_memory_limit$/,
  );
  expect(await place.databases()).toEqual([]);
  await service.process.stop();
});
