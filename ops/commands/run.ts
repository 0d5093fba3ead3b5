import type { Command } from 'commander';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import { commandWithSettings, prepareRun } from '../command.ts';
import { openLog } from '../service/log.ts';
import { plainTextSecrets } from '../service/plain-text.ts';
import { runService } from '../service/service.ts';
import { isSecret, type SettingName, settingNames } from '../settings.ts';

const flags = settingNames.filter(
  (name): name is Exclude<SettingName, `${string}password` | `${string}token`> => !isSecret(name),
);

/** `tidemark run`: the service. It consumes and serves until it is told to stop. */
export function runCommand(): Command {
  return commandWithSettings(
    'run',
    'consume events from Kafka (or a local log) and serve, until SIGTERM or Ctrl-C',
    flags,
    [
      'tidemark run --config tidemark.yaml',
      'tidemark run --kafka-brokers localhost:9092 --kafka-topics calls --db calls.duckdb',
      'tidemark run --log-folder log/ --db calls.duckdb',
    ],
  ).action(async options => {
    const { config, signal } = prepareRun(options);
    const log = openLog(config.log_level);
    for (const sentence of plainTextSecrets(config)) log.warn({}, sentence);
    const deadline = deadlineAfter(signal, config.stop_deadline_ms, log.error.bind(log));
    try {
      await runService({ config, log, signal });
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'INTERRUPTED' && signal.aborted) return;
      const code = error instanceof TidemarkError ? error.code : 'BUG';
      log.error({ code }, error instanceof Error ? error.message : String(error));
      throw error;
    } finally {
      deadline.clear();
      exitSoon();
    }
  });
}

/** All is stored and closed; a client that still waits for a server that is gone must not keep the process. */
function exitSoon(): void {
  setTimeout(() => process.exit(), 1_000).unref();
}

/** Stopping in order may hang on a server that is gone. Nothing is lost by ending the hard way: transactions are whole. */
function deadlineAfter(signal: AbortSignal, milliseconds: number, tell: Log['error']) {
  let timer: NodeJS.Timeout | undefined;
  signal.addEventListener('abort', () => {
    timer = setTimeout(() => {
      tell(
        { stop_deadline_ms: milliseconds },
        'the deadline for stopping is over: ending at once, nothing stored is lost',
      );
      process.exit(75);
    }, milliseconds);
  });
  return { clear: () => clearTimeout(timer) };
}
