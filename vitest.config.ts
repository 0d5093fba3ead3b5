import { defineConfig } from 'vitest/config';
import { lanes } from './test/lanes.ts';
import LongestFirst from './test/support/longest-first.ts';

const { fast, slow, alone, soak } = lanes();

const common = { testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks' } as const;

/** Loading the modules anew for each file would take a third of the fast lane's time. */
const shared = { isolate: false, setupFiles: './test/support/put-back.ts' } as const;

export default defineConfig({
  test: {
    // More than the two cores that the times in CONTRIBUTING.md are for: many tests wait for a disk, a broker or a deadline.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['./test/support/build.ts', './test/support/kafka/global-setup.ts'],
    reporters: ['default', './test/support/tally-reporter.ts'],
    projects: process.env.SOAK
      ? [{ extends: true, test: { name: 'soak', include: [...soak], ...common } }]
      : [
          { extends: true, test: { name: 'fast', include: [...fast], ...common, ...shared } },
          { extends: true, test: { name: 'slow', include: [...slow], ...common, ...shared } },
          { extends: true, test: { name: 'alone', include: [...alone], ...common } },
        ],
  },
});
