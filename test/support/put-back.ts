import { afterAll, vi } from 'vitest';

/** The test files of a worker share its modules: what one file replaced in them is put back when the file ends. */
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});
