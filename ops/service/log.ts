import pino from 'pino';
import type { Log } from '../../pipeline/ports.ts';
import type { Config } from '../settings.ts';

/** The service's log: JSON lines on standard output, one a batch or change of state, times in UTC. */
export function openLog(level: Config['log_level']): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
  });
}
