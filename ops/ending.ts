import { spawn } from 'node:child_process';

/** How long Node may take to end, in seconds. */
const exitSeconds = 2;

/**
 * A shell that kills its parent, unless the parent has ended; then the shell has another parent. The first process of a
 * container cannot be killed from inside: whoever stops the container does that.
 */
const killParent = `sleep ${exitSeconds}; read -r _ _ _ parent _ < /proc/$$/stat; [ "$parent" = "$0" ] && kill -KILL "$0"`;

/**
 * Ends this process, with `process.exitCode` unless another code is given. Node waits for its threads when it exits, and so
 * for ever where one of them hangs at a disk or a pipe. Then a shell kills the process, and its exit code is 137.
 */
export function endProcess(code?: number): never {
  const shell = spawn('/bin/sh', ['-c', killParent, String(process.pid)], { stdio: 'ignore', detached: true });
  // Where there is no shell, Node's own exit is all there is.
  shell.on('error', () => undefined);
  if (code !== undefined) process.exitCode = code;
  process.exit();
}

/**
 * Aborts at the first Ctrl-C or SIGTERM; a second one, of either kind, ends the process at once. By then the system's default
 * action is in force again, which needs nothing of a process that may hang. The first process of a container has no default
 * action, so it ends itself.
 */
export function interruptSignal(): AbortSignal {
  const names = ['SIGINT', 'SIGTERM'] as const;
  const controller = new AbortController();
  const interrupt = (): void => {
    for (const name of names) process.off(name, interrupt);
    if (process.pid === 1) for (const name of names) process.once(name, () => endProcess(130));
    controller.abort();
  };
  for (const name of names) process.on(name, interrupt);
  return controller.signal;
}
