import { resolve } from 'node:path';
import { isEnded } from '../../pipeline/export/request.ts';
import type { Log } from '../../pipeline/ports.ts';
import type { ReplayView } from '../../pipeline/requests/replay-job.ts';
import { ReplayJobs } from '../../pipeline/requests/replay-jobs.ts';
import { shortId } from '../../pipeline/requests/request-id.ts';
import { pause } from '../../pipeline/waiting.ts';
import type { ExportParts } from '../main.ts';
import { replaysInProcesses } from '../replay/child-process.ts';
import { LocalReplayFolder, newReplayFileName } from '../replay/replay-folder.ts';
import type { Config } from '../settings/settings.ts';
import type { DoorMetrics } from './door-metrics.ts';

interface ReplaysParts {
  readonly config: Config;
  readonly log: Log;
  readonly exporting: ExportParts;
  readonly signal: AbortSignal;
  readonly metrics: Pick<DoorMetrics, 'replayChanged'>;
  /** Called with an unexpected error; the service must stop. */
  readonly onCrash: (error: unknown) => void;
}

const dayMs = 86_400_000;

/** Opens the replays of the running service, and goes on with those of a dead process. */
export async function openReplays(parts: ReplaysParts): Promise<ReplayJobs> {
  const { config, log, exporting, signal, metrics, onCrash } = parts;
  const { store, clock, replays: databases } = exporting;
  const folder = new LocalReplayFolder(config);
  const jobs = new ReplayJobs({
    accepting: {
      ...{ store: store.replays, exports: store, clock },
      planOf: requestId => ({
        paths: config.log_folder === null ? [] : [resolve(config.log_folder)],
        file: newReplayFileName(requestId),
      }),
    },
    run: replaysInProcesses({ config, log, pathOf: file => folder.pathOf(file) }),
    databases,
    // A clock that was set back would make a duration negative.
    timer: { now: () => performance.now() },
    atOnce: config.replays_at_once,
    maxQueued: config.export_queue,
    signal,
    onCrash,
    onChange(view, milliseconds) {
      metrics.replayChanged(view);
      logChange(view, milliseconds, log);
    },
  });
  await jobs.recover();
  // Not before: what is forgotten is not swept, and a file that could not be removed would stay.
  await store.replays.forgetEndedBefore(clock.now() - config.export_history_days * dayMs);
  return jobs;
}

const lookEveryMs = 60_000;

/** Drops the databases that were not used for long, now and every minute, until the signal aborts. */
export async function dropUnusedReplays({
  exporting,
  log,
  signal,
}: Pick<ReplaysParts, 'exporting' | 'log' | 'signal'>): Promise<void> {
  while (!signal.aborted) {
    for (const id of await exporting.replays.dropUnused())
      log.info(
        { request_id: shortId(id) },
        'the database of a replay is dropped: nobody read from it for replay_keep_hours',
      );
    await pause(lookEveryMs, signal);
  }
}

/** Logs a change of state. */
function logChange({ record, progress }: ReplayView, ms: number, log: Log): void {
  const { requestId, state, asker, error } = record;
  const facts = { request_id: shortId(requestId), state, door: asker.door, client: asker.client };
  if (!isEnded(state)) log.info(facts, `replay ${state}`);
  else if (state === 'completed') log.info({ ...facts, ms, records: progress.recordsRead }, 'replay completed');
  else log.warn({ ...facts, ms, code: error?.code, reason: error?.message }, `replay ${state}`);
}
