import { TidemarkError } from '../errors.ts';
import { isEnded } from '../export/request.ts';
import type { ReplayDatabases } from './replay-databases.ts';
import { cancelledReplay, type ReplayJob } from './replay-job.ts';
import type { ReplayChange, ReplayProgress, ReplayRecord, ReplayStore } from './replay-request.ts';

export interface RunningReplay {
  /** Stops the replay between two transactions. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ReplayProgress) => void;
}

export interface ReplayEnds {
  readonly store: ReplayStore;
  readonly databases: Pick<ReplayDatabases, 'discard'>;
}

export interface ReplayRuns extends ReplayEnds {
  /**
   * Reads the log into the replay's database, or goes on with it, and returns what it read. Throws the error with which the
   * replay ends, or `INTERRUPTED` when the signal aborts.
   */
  readonly run: (record: ReplayRecord, running: RunningReplay) => Promise<ReplayProgress>;
}

/** Runs a replay to its end; null when the next start goes on with it. One that has ended is not run again. */
export async function runReplayJob(
  job: ReplayJob,
  { run, store, databases }: ReplayRuns,
): Promise<ReplayRecord | null> {
  const { record } = job;
  const { requestId } = record;
  let reported: Promise<unknown> = Promise.resolve();
  const onProgress = (progress: ReplayProgress): void => {
    if (!job.advance(progress)) return;
    reported = Promise.all([reported, store.recordProgress(requestId, progress)]);
    reported.catch(() => undefined);
  };
  try {
    const begun = await change(requestId, { state: 'running' }, store);
    if (isEnded(begun.state)) return begun;
    job.signal.throwIfAborted();
    const progress = await run(record, { signal: job.signal, onProgress });
    await reported;
    return await change(requestId, { state: 'completed', progress }, store);
  } catch (cause) {
    const error = job.signal.aborted ? job.signal.reason : cause;
    if (!(error instanceof TidemarkError)) throw error;
    await reported;
    if (error.code === 'INTERRUPTED') {
      // The next start counts on from here.
      if (job.progress !== record.progress && job.progress.recordsRead > 0)
        await store.recordProgress(requestId, job.progress);
      return null;
    }
    return endReplay(error, record, { store, databases }, job.progress);
  }
}

/** Records a change, and returns the record as it is then. Throws `CANCELLED` when the database has a cancellation, but no end. */
async function change(requestId: string, changes: ReplayChange, store: ReplayStore): Promise<ReplayRecord> {
  const changed = await store.update(requestId, changes);
  if (changed !== null) return changed;
  const known = await store.find(requestId);
  if (known !== null && isEnded(known.state)) return known;
  throw cancelledReplay(requestId, known?.cancelledBy ?? 'an operator');
}

/**
 * Removes what there is of a replay's database, and then records that it ended without one: whoever sees the end finds no file.
 * Null where it had ended before.
 */
export async function endReplay(
  { code, message }: TidemarkError,
  { requestId, plan }: ReplayRecord,
  { store, databases }: ReplayEnds,
  progress: ReplayProgress | null = null,
): Promise<ReplayRecord | null> {
  const state = code === 'CANCELLED' ? 'cancelled' : 'failed';
  const reached = progress === null ? {} : { progress };
  const known = await store.find(requestId);
  if (known === null || isEnded(known.state)) return null;
  await databases.discard(plan.file);
  return store.update(requestId, { state, error: { code, message }, ...reached });
}
