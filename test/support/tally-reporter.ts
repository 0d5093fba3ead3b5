import type { Reporter, TestModule } from 'vitest/node';

/** Closes a run with one plain line that a script can read: `N passed, N failed, N skipped`. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tally = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) {
        const { state } = test.result();
        if (state === 'passed' || state === 'failed' || state === 'skipped') tally[state] += 1;
      }
      // A module that could not even be loaded has no tests to count, yet it has failed.
      if (module.state() === 'failed' && !tests.some(test => test.result().state === 'failed')) tally.failed += 1;
    }
    process.stdout.write(`\n${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped\n`);
  }
}
