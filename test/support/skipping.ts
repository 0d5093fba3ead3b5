import { spawnSync } from 'node:child_process';
import type { TestContext } from 'vitest';

/** Says why tests do not run on this machine. In continuous integration every test must run: there it throws. */
export function explainSkip(reason: string): void {
  if (process.env.CI) throw new Error(reason);
  process.stdout.write(`skipped: ${reason}\n`);
}

/** Ends the running test as skipped, with the reason printed; in continuous integration it fails. */
export function skipBecause({ skip }: Pick<TestContext, 'skip'>, reason: string): never {
  explainSkip(reason);
  return skip(reason);
}

/** What to put before a command so that it may mount what no one else sees. Skips the test where the machine forbids it. */
export function mountNamespace(context: Pick<TestContext, 'skip'>): readonly string[] {
  const ways = [
    ['unshare', '-m'],
    ['unshare', '-rm'],
  ];
  const works = (way: readonly string[]) =>
    spawnSync(way[0] ?? '', [...way.slice(1), 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
  return ways.find(works) ?? skipBecause(context, '"unshare -m" or "mount" is not permitted on this machine');
}

/** Skips the test where a tool of the system is missing. */
export function needTool(context: Pick<TestContext, 'skip'>, tool: string): void {
  if (spawnSync(tool, ['--help']).error !== undefined) skipBecause(context, `${tool} is not on this machine`);
}
