#!/usr/bin/env -S node --min-semi-space-size=32 --max-semi-space-size=32 --heap-growing-percent=60
// A batch's objects live until it is laid out: a young generation that holds one batch saves copying them twice. What
// outlives it is garbage soon, too, of which less is let pile up.
// Queries and file writes share libuv's thread pool, whose default of 4 is one blocked query short of a deadlock.
// The size counts only before the pool is first used, and an ES module would already have used it.
if (!(Number(process.env.UV_THREADPOOL_SIZE) >= 4)) process.env.UV_THREADPOOL_SIZE = '16';
import('./cli.ts').then(
  ({ main }) => main(process.argv),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
