import { type LogView, lookAt, waitForLog } from '../../pipeline/export/log-wait.ts';
import { isEnded } from '../../pipeline/export/request.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { JobView } from '../../pipeline/requests/job.ts';
import { Jobs } from '../../pipeline/requests/jobs.ts';
import { shortId } from '../../pipeline/requests/request-id.ts';
import { pause } from '../../pipeline/waiting.ts';
import type { ExportParts } from '../main.ts';
import type { Config } from '../settings/settings.ts';
import type { DoorMetrics } from './door-metrics.ts';
import { traceExport } from './traces.ts';

interface JobsParts {
  readonly config: Config;
  readonly log: Log;
  readonly exporting: ExportParts;
  readonly view: LogView;
  readonly signal: AbortSignal;
  readonly metrics: Pick<DoorMetrics, 'changed'>;
  /** Called with an unexpected error; the service must stop. */
  readonly onCrash: (error: unknown) => void;
}

const dayMs = 86_400_000;

/** Opens the exports of the running service, which wait for its log before they begin, and continues those of a dead process. */
export async function openJobs({ config, log, exporting, view, metrics, signal, onCrash }: JobsParts): Promise<Jobs> {
  const { store, directory, clock, replays } = exporting;
  await store.forgetEndedBefore(clock.now() - config.export_history_days * dayMs);
  // A clock that was set back would make a wait longer.
  const timer = { now: () => performance.now() };
  const wait = {
    log: view,
    clock: timer,
    waitMs: config.export_wait_ms,
    lateness: exporting.lateness,
    skewMs: exporting.skewMs,
    pause,
  };
  const jobs = new Jobs({
    accepting: { store, directory, clock, lookAtLog: () => lookAt(view), replays },
    timer,
    exporting: { ...exporting, wait: (record, until) => waitForLog(record, wait, until) },
    atOnce: config.exports_at_once,
    maxQueued: config.export_queue,
    signal,
    onCrash,
    onProgress: ({ record, progress: { phase, file, rows, bytes } }) =>
      store.recordProgress(record.requestId, { phase, file, rows, bytes }),
    onChange(view, milliseconds) {
      metrics.changed(view, milliseconds);
      traceExport(view, milliseconds, clock.now());
      logChange(view, milliseconds, log);
    },
  });
  await jobs.recover();
  await store.reportChanges();
  return jobs;
}

/** Logs a change of state. */
function logChange({ record, progress }: JobView, ms: number, log: Log): void {
  const { requestId, state, asker, manifest, error } = record;
  const facts = { request_id: shortId(requestId), state, door: asker.door, client: asker.client };
  if (!isEnded(state)) log.info(facts, `export ${state}`);
  else if (manifest !== null)
    log.info({ ...facts, ms, waited_ms: progress.waitedMs, status: manifest.status }, 'export completed');
  else log.warn({ ...facts, ms, code: error?.code, reason: error?.message }, `export ${state}`);
}
