import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { getSystemErrorMap } from 'node:util';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { ReplayProgress, ReplayRecord } from '../../pipeline/requests/replay-request.ts';
import { shortId } from '../../pipeline/requests/request-id.ts';
import type { ReplayRuns, RunningReplay } from '../../pipeline/requests/run-replay.ts';
import { Backoff, pause } from '../../pipeline/waiting.ts';
import type { Config } from '../settings/settings.ts';
import { childEnvironment, childOptions } from './child-environment.ts';
import { errorOf, type FromChild, sentConfig, type ToChild } from './child-messages.ts';

interface ChildParts {
  readonly config: Config;
  /** The path of a replay's database. */
  readonly pathOf: (file: string) => string;
  readonly log: Log;
}

/** The program of the process. From the sources, as in tests, the compiled one is run: Node runs no TypeScript. */
const compiled = import.meta.url.endsWith('.ts') ? '../../dist/ops/replay/child.js' : './child.js';
const program = fileURLToPath(new URL(compiled, import.meta.url));

/** A process that was told to stop is killed after this time; what it stored stays. */
const stopMs = 3_000;
/** The last lines of an unexpected error, for the log. */
const keptErrorCharacters = 4_000;

/**
 * Runs replays in processes of their own. Where another process has a replay's database, such as the one of a service that was
 * killed just now, it is tried again.
 */
export function replaysInProcesses(parts: ChildParts): ReplayRuns['run'] {
  return async (record, running) => {
    let isTold = false;
    for (const backoff = new Backoff(100, 5_000); ; ) {
      try {
        return await runProcess(record, running, parts);
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== 'WAREHOUSE_LOCKED' || running.signal.aborted)
          throw error;
        const facts = { code: error.code, request_id: shortId(record.requestId), reason: error.message };
        if (!isTold) parts.log.warn(facts, 'a replay waits until no other process has its database open');
        isTold = true;
        await pause(backoff.next(), running.signal);
      }
    }
  };
}

async function runProcess(record: ReplayRecord, running: RunningReplay, parts: ChildParts): Promise<ReplayProgress> {
  const { signal } = running;
  signal.throwIfAborted();
  const child = forked();
  // At once: an error that comes before anybody listens would end the service.
  const ending = endOf(child);
  const stop = (): void => stopChild(child);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await outcomeOf({ child, ending }, record, running, parts);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function forked(): ChildProcess {
  try {
    return fork(program, [], {
      env: childEnvironment(process.env),
      execArgv: [...childOptions(process.execArgv)],
      // Detached from the terminal: Ctrl-C is for the service, which then stops the process itself.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
  } catch (error) {
    throw notStarted(error);
  }
}

/** The error's own message is left out: it names the program's folder, and clients read this one. */
function notStarted(cause: unknown): TidemarkError {
  const { errno, code = 'UNKNOWN' } = cause as NodeJS.ErrnoException;
  const reason = getSystemErrorMap().get(errno ?? 0)?.[1];
  const words = reason === undefined ? code : `${reason} (${code})`;
  return new TidemarkError('REPLAY_FAILED', `the process of the replay could not be started: ${words}`, { cause });
}

function stopChild(child: ChildProcess): void {
  // With a callback, a process that has just died is no error here: its end is waited for elsewhere.
  if (child.connected) child.send({ kind: 'stop' } satisfies ToChild, () => undefined);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  child.once('exit', () => clearTimeout(timer));
}

/** Resolves when the process has ended after it told the end of its replay; throws the failure that it told, or that it had. */
async function outcomeOf(
  { child, ending }: { readonly child: ChildProcess; readonly ending: ReturnType<typeof endOf> },
  { requestId, plan, progress }: ReplayRecord,
  { signal, onProgress }: RunningReplay,
  { config, pathOf, log }: ChildParts,
): Promise<ReplayProgress> {
  let outcome: Extract<FromChild, { kind: 'end' | 'failure' }> | null = null;
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = `${errors}${text}`.slice(-keptErrorCharacters);
  });
  child.on('message', (message: FromChild) => {
    if (message.kind === 'progress') onProgress(message.progress);
    else if (message.kind === 'notice') log.info({ request_id: shortId(requestId) }, `replay: ${message.sentence}`);
    else outcome = message;
  });
  const { from, until, allowGaps, paths } = plan;
  const own = { db: pathOf(plan.file), memory_limit: config.replay_memory_limit, threads: config.replay_threads };
  const start: ToChild = {
    ...{ kind: 'start', id: requestId },
    asked: { from, until, allowGaps, paths },
    bytesBefore: progress?.bytes ?? 0,
    config: sentConfig({ ...config, ...own }),
  };
  // Where the system starts no process, there is no channel either.
  if (child.connected) child.send(start, () => undefined);
  const how = await ending;
  signal.throwIfAborted();
  if (how instanceof TidemarkError) {
    log.error({ request_id: shortId(requestId), code: how.code, reason: how.message }, 'a replay could not be started');
    throw how;
  }
  const told = outcome as Extract<FromChild, { kind: 'end' | 'failure' }> | null;
  if (told?.kind === 'end') return told.progress;
  if (told?.kind === 'failure') throw errorOf({ ...told, message: told.message.replaceAll(own.db, plan.file) });
  log.error(
    { request_id: shortId(requestId), code: 'REPLAY_FAILED', stderr: errors },
    `the process of a replay ${how}`,
  );
  throw new TidemarkError('REPLAY_FAILED', `the process that read the log for replay ${requestId} ${how}`);
}

/** How the process ended, in words; the error with which the replay fails when the process could not be started. */
function endOf(child: ChildProcess): Promise<string | TidemarkError> {
  return new Promise(resolve => {
    // A running process has errors too, such as a message that could not be sent; its end comes all the same.
    child.on('error', error => {
      if (child.pid === undefined) resolve(notStarted(error));
    });
    child.on('close', (code, killedBy) =>
      resolve(killedBy === null ? `ended with ${code}` : `was killed by ${killedBy}`),
    );
  });
}
