import pino from 'pino';
import type { StoredBatch } from '../../pipeline/ingest/ingest.ts';
import type { BatchFacts } from '../../pipeline/ingest/warehouse.ts';
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

/** One line a batch. */
export function logBatch(batch: BatchFacts, { milliseconds }: StoredBatch, log: Log): void {
  const { partition, from, next, recordsRead, applied, quarantined } = batch;
  const counts = { records: recordsRead, applied, quarantined };
  log.info({ ...partition, from, next: next.nextOffset, ...counts, ms: milliseconds }, 'batch stored');
}

/** Says why reading waits for the schema registry, and when it does no longer. */
export function logRegistryProblem(log: Log): (problem: string | null) => void {
  return problem => {
    if (problem === null) log.info({}, 'the schema registry answers again');
    else log.error({}, `reading waits: ${problem}`);
  };
}
