#!/usr/bin/env -S node --min-semi-space-size=32 --max-semi-space-size=32 --heap-growing-percent=60
// The objects of a batch are needed until it is written as vectors: a young generation that holds a whole batch saves copying
// them twice. A heap that grows less keeps less garbage among the older objects (ADR 7).
// Queries and file writes share libuv's thread pool. If blocked queries occupied all its threads, the writes that they wait
// for could not run; with the default of 4 threads one more query would do that.
// The size must be set before the pool is first used, and an ES module would already have used it.
if (!(Number(process.env.UV_THREADPOOL_SIZE) >= 4)) process.env.UV_THREADPOOL_SIZE = '16';
import('./cli.ts').then(
  ({ main }) => main(process.argv),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
