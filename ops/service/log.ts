import pino from 'pino';
import type { BatchFacts } from '../../pipeline/completeness/batch-facts.ts';
import type { StoredBatch } from '../../pipeline/ingest/ingest.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { Config } from '../settings/settings.ts';

/** The service's log: JSON lines on standard output, one for each batch and each change of state; times are UTC. */
export function openLog(level: Config['log_level']): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
  });
}

/** Logs a stored batch. */
export function logBatch(batch: BatchFacts, { milliseconds }: StoredBatch, log: Log): void {
  const { partition, from, next, recordsRead, applied, quarantined } = batch;
  const counts = { records: recordsRead, applied, quarantined };
  log.info({ ...partition, from, next: next.nextOffset, ...counts, ms: milliseconds }, 'batch stored');
}

/** Logs why reading waits for the schema registry, and when it goes on. */
export function logRegistryProblem(log: Log): (problem: string | null) => void {
  return problem => {
    if (problem === null) log.info({}, 'the schema registry answers again');
    else log.error({}, `reading waits: ${problem}`);
  };
}
