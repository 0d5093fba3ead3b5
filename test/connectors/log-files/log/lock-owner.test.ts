import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { isAlive, thisProcess } from '../../../../connectors/log-files/log/lock-owner.ts';
import { waitFor } from '../../../../ops/local-kafka/waiting.ts';

/** State and start of a process, fields 3 and 22 of its `stat` file. */
async function statOf(pid: number): Promise<{ readonly state: string; readonly started: string }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0]!, started: fields[19]! };
}

test.runIf(process.platform === 'linux')(
  'a process that has ended is dead, also before its parent has collected its exit code',
  async () => {
    // The shell starts a process and then becomes one that never collects the exit code of another.
    const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000']);
    onTestFinished(() => void parent.kill());
    const [printed] = await once(parent.stdout, 'data');
    const pid = Number(printed);
    const owner = { ...(await thisProcess()), pid, started: (await statOf(pid)).started };
    expect(await isAlive(owner)).toBe(true);
    await waitFor('the shell to become another program', async () =>
      (await readFile(`/proc/${parent.pid}/comm`, 'utf8')) === 'sleep\n' ? true : null,
    );
    process.kill(pid, 'SIGKILL');
    await waitFor('the process to end', async () => ((await statOf(pid)).state === 'Z' ? true : null));
    expect(await isAlive(owner), 'a killed writer keeps its lock until its parent collects it').toBe(false);
  },
);
