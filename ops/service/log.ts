import pino from 'pino';
import type { Log } from '../../pipeline/ports.ts';
import type { Config } from '../settings/settings.ts';
import { LogOutput } from './log-output.ts';

export interface ServiceLog {
  readonly log: Log;
  /** Where its lines go. */
  readonly output: LogOutput;
}

/** The service's log: JSON lines on standard output, one for each batch and each change of state; times are UTC. */
export function openLog(level: Config['log_level']): ServiceLog {
  const output = new LogOutput(1, lines =>
    log.warn({ code: 'NOT_WRITABLE', lines }, 'lines of this log could not be written and were dropped'),
  );
  const log: Log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    output,
  );
  return { log, output };
}

/** Logs why a file of certificates that has changed cannot be used. */
export function logBadFile(log: Log): (reason: string) => void {
  return reason =>
    log.warn(
      { code: 'CONFIG_INVALID', reason },
      'a changed file of certificates cannot be used; its former content stays',
    );
}

/** Logs why reading waits for the schema registry, and when it goes on. */
export function logRegistryProblem(log: Log): (problem: string | null) => void {
  return problem => {
    if (problem === null) log.info({}, 'the schema registry answers again');
    else log.error({ code: 'REGISTRY_UNREACHABLE' }, `reading waits: ${problem}`);
  };
}
