import { spawnSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { mountNamespace, skipBecause } from '../support/skipping.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemark, tidemarkDone } from '../support/tidemark.ts';

/** Words before a command that mount a file system without hard links at the folder: that of POSIX message queues. */
function withoutHardLinks(context: Pick<TestContext, 'skip'>, folder: string): readonly string[] {
  const within = [...mountNamespace(context), 'sh', '-ec', 'mount -t mqueue none "$0"; exec "$@"', folder];
  if (spawnSync(within[0]!, [...within.slice(1), 'true']).status !== 0)
    skipBecause(context, 'this machine mounts no mqueue, which is a file system without hard links');
  return within;
}

// contract 4.4
test('a file system without hard links is named by every command that would export to it', async context => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const [root, db, events] = ['out', 'x.duckdb', 'x.ndjson'].map(name => path.join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(root);
  const within = withoutHardLinks(context, root);
  await writeFile(events, '{"event":"service.started","service_id":"s","timestamp":"2014-06-01T00:00:00Z"}\n');
  await tidemarkDone(['ingest', events, '--db', db]);
  const places = ['--db', db, '--export-root', root];
  const commands = [
    ['run', '--log-folder', folder.path, '--http-port', '0', ...places],
    ['export', '--file-prefix', 'x_', '--time-from', '2014-01-01T00:00:00Z', ...places],
    ['config', 'check', '--connect'],
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await tidemark(command, { within, env: { TIDEMARK_EXPORT_ROOT: root } });
    expect([code, stdout], stderr).toEqual([78, '']);
    expect(stderr).toMatch(
      /^tidemark: export_root ".*\/out": a file system with hard links is needed, .* \[CONFIG_INVALID\]\n$/,
    );
  }
  expect(await readdir(root), 'outside of the namespace').toEqual([]);
  expect(await tidemark(['config', 'check'], { within, env: { TIDEMARK_EXPORT_ROOT: root } })).toMatchObject({
    code: 0,
  });
});
