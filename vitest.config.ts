import { defineConfig } from 'vitest/config';
import { lanes } from './test/lanes.ts';
import LongestFirst from './test/support/longest-first.ts';

const { fast, slow, soak } = lanes();

const common = { testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks' } as const;

export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['./test/support/build.ts', './test/support/kafka/global-setup.ts'],
    reporters: ['default', './test/support/tally-reporter.ts'],
    projects: process.env.SOAK
      ? [{ extends: true, test: { name: 'soak', include: [...soak], ...common } }]
      : [
          { extends: true, test: { name: 'fast', include: [...fast], ...common } },
          { extends: true, test: { name: 'slow', include: [...slow], ...common } },
        ],
  },
});
