import { type LogView, lookAt, waitForLog } from '../../pipeline/export/log-wait.ts';
import { isEnded } from '../../pipeline/export/request.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { JobView } from '../../pipeline/requests/job.ts';
import { Jobs } from '../../pipeline/requests/jobs.ts';
import { pause } from '../../pipeline/waiting.ts';
import type { ExportParts } from '../main.ts';
import type { Config } from '../settings.ts';
import { traceExport } from './traces.ts';

export interface ServedExports {
  readonly config: Config;
  readonly log: Log;
  readonly parts: ExportParts;
  readonly view: LogView;
  readonly signal: AbortSignal;
  readonly onChange: (view: JobView, milliseconds: number) => void;
  readonly onCrash: (error: unknown) => void;
}

const dayMs = 86_400_000;

/** The exports of the running service: they look at its log before they begin. What a dead process left is taken up. */
export async function openJobs({ config, log, parts, view, signal, onChange, onCrash }: ServedExports): Promise<Jobs> {
  const { store, directory, clock } = parts;
  await store.forgetEndedBefore(clock.now() - config.export_history_days * dayMs);
  const waiting = {
    log: view,
    clock,
    waitMs: config.export_wait_ms,
    allowedLatenessMs: config.allowed_lateness_ms,
    pause,
  };
  const jobs = new Jobs({
    accepting: { store, directory, clock, lookAtLog: () => lookAt(view, clock) },
    exporting: { ...parts, wait: (record, until) => waitForLog(record, waiting, until) },
    atOnce: config.exports_at_once,
    queue: config.export_queue,
    signal,
    onCrash,
    onProgress: ({ record, progress: { phase, file, rows, bytes } }) =>
      store.tell(record.requestId, { phase, file, rows, bytes }),
    onChange(of, milliseconds) {
      onChange(of, milliseconds);
      traceExport(of, milliseconds, clock.now());
      tell(of, milliseconds, log);
    },
  });
  await jobs.recover();
  return jobs;
}

/** One line a change of state. */
function tell({ record, progress }: JobView, ms: number, log: Log): void {
  const { requestId, state, asker, manifest, error } = record;
  const facts = { request_id: requestId, state, door: asker.door, client: asker.client };
  if (!isEnded(state)) log.info(facts, `export ${state}`);
  else if (manifest !== null)
    log.info({ ...facts, ms, waited_ms: progress.waitedMs, status: manifest.status }, 'export completed');
  else log.warn({ ...facts, ms, code: error?.code, reason: error?.message }, `export ${state}`);
}
