/**
 * Runs in a mount namespace of its own: `<folder> <inodes|bytes> <command> <arguments…>`. Mounts a disk at the folder,
 * lets the command of the environment variable `BEFORE` prepare it, and then runs the command again and again, each time with
 * one more inode, or one more page of bytes, left until it succeeds. Prints how each run ended.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, statfsSync } from 'node:fs';

const [folder = '', resource = '', ...command] = process.argv.slice(2);
const mount = (options: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', folder]);
mount('size=64m,nr_inodes=1000');
process.chdir(folder);
mkdirSync('work');
process.chdir('work');
if (process.env.BEFORE) execFileSync('sh', ['-ec', process.env.BEFORE]);

interface Run {
  readonly code: number | null;
  readonly stderr: string;
}

export interface FilledDisk {
  readonly runs: readonly Run[];
  /** What is on the disk in the end. */
  readonly files: readonly string[];
}

const runs: Run[] = [];
for (let steps = 0; runs.at(-1)?.code !== 0 && steps < 60; steps += 1) {
  leave(steps);
  runs.push(await run());
}
const files = readdirSync('.', { recursive: true }).map(String);
process.stdout.write(JSON.stringify({ runs, files } satisfies FilledDisk));

/** Leaves so many free inodes, or pages of bytes, on the disk. */
function leave(free: number): void {
  const { blocks, bfree, bsize, files, ffree } = statfsSync('.');
  mount(
    resource === 'inodes'
      ? `remount,nr_inodes=${files - ffree + free}`
      : `remount,size=${(blocks - bfree + free) * bsize}`,
  );
}

/** A service is stopped once it is up. */
async function run(): Promise<Run> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined).end('{"event":"service.deleted","service_id":"s"}\n');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes('the service is up')) child.kill('SIGTERM');
  });
  return new Promise(resolve => child.on('close', code => resolve({ code, stderr })));
}
