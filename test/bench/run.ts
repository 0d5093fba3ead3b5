import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** `npm run bench [-- name…]`: every benchmark, one after the other, each in a process of its own. */
const all = ['month', 'export', 'ingest', 'backfill', 'log-files', 'packing', 'decode'];
const asked = process.argv.slice(2);
const unknown = asked.filter(name => !all.includes(name));
if (unknown.length > 0) throw new Error(`no benchmark is called ${unknown.join(', ')}; there are ${all.join(', ')}`);

for (const name of asked.length > 0 ? asked : all) {
  const program = path.join(path.dirname(fileURLToPath(import.meta.url)), `${name}.js`);
  const { status } = spawnSync(process.execPath, [program], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
