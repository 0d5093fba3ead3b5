import { defineConfig } from 'vitest/config';
import { lanes } from './test/lanes.ts';
import LongestFirst from './test/support/longest-first.ts';

const { fast, slow, alone, soak } = lanes();

const common = { testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks' } as const;

/** Two cores are fully used: by three workers that often wait for brokers and children, or by two that compute. */
const waiting = { maxWorkers: 3, sequence: { groupOrder: 1 } } as const;
const computing = { maxWorkers: 2, sequence: { groupOrder: 2 } } as const;

/** Loading the modules anew for each file would take a third of the fast lane's time. */
const shared = { isolate: false, setupFiles: './test/support/put-back.ts' } as const;

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    globalSetup: ['./test/support/build.ts', './test/support/kafka/global-setup.ts'],
    reporters: ['default', './test/support/tally-reporter.ts'],
    projects: process.env.SOAK
      ? [{ extends: true, test: { name: 'soak', include: [...soak], ...common, maxWorkers: 2 } }]
      : [
          { extends: true, test: { name: 'fast', include: [...fast], ...common, ...shared, ...computing } },
          { extends: true, test: { name: 'slow', include: [...slow], ...common, ...shared, ...waiting } },
          { extends: true, test: { name: 'alone', include: [...alone], ...common, ...waiting } },
        ],
  },
});
