import { codeOf, TidemarkError } from '../errors.ts';
import type { ExportDirectory } from '../ports.ts';
import { pause } from '../waiting.ts';
import { type Writing, writeFiles } from './export-files.ts';
import type { Manifest } from './manifest.ts';
import { findPublished } from './published-export.ts';
import { type ExportRecord, isEnded, type RequestChange, type RequestStore } from './request.ts';

/** What is needed to run a request to its end. */
export interface Exporting extends Writing {
  readonly store: RequestStore;
}

/** A request whose files are published. */
interface CompletedExport extends ExportRecord {
  readonly manifest: Manifest;
}

/**
 * Runs an accepted request to its end: one snapshot, every file whole on disk under a hidden name, then all names,
 * `services` last. On a failure no file is left, the request ends as `failed` or `cancelled`, and the error is thrown.
 * A request that has ended is not run again: its recorded outcome is returned or thrown.
 */
export async function runExport(record: ExportRecord, exporting: Exporting): Promise<CompletedExport> {
  if (record.error !== null) throw new TidemarkError(record.error.code, record.error.message);
  if (record.state === 'completed' && record.manifest !== null) return { ...record, manifest: record.manifest };
  const manifest = await writeAndPublish(record, exporting);
  // Published files are not taken back: if this update fails, the next start finds `publishing` and completes the request.
  const completed = await exporting.store.update(record.requestId, { state: 'completed' });
  if (completed === null) throw new Error(`the files of export ${record.requestId} were published after it had ended`);
  return { ...completed, manifest };
}

async function writeAndPublish(record: ExportRecord, exporting: Exporting): Promise<Manifest> {
  const { store, directory } = exporting;
  const { requestId, plan } = record;
  let isStoppable = true;
  try {
    await begin(record, store);
    const { manifest, snapshotBatch } = await writeFiles(record, exporting);
    await recordChange(record, { state: 'publishing', manifest, snapshotBatch }, store);
    isStoppable = false;
    await publishOnceThere(record, exporting);
    await releaseNames(record, directory);
    return manifest;
  } catch (cause) {
    exporting.contradictions.unwatch(requestId);
    const stopped = isStoppable && exporting.signal.aborted;
    const error = stopped ? reasonOf(exporting.signal, requestId) : asExportError(cause, requestId);
    if (error.code !== 'INTERRUPTED') await endAs(error, record, exporting);
    else if (isStoppable) await directory.sweep(plan.destination, requestId).catch(() => undefined);
    throw error;
  }
}

const rootCheckMs = 1_000;

/**
 * Gives the files their names. They are whole, so while the export root is gone this waits; some may have their names
 * already, and the export must not end with a part of them. Throws `INTERRUPTED` when the process stops meanwhile: the next
 * start gives them their names.
 */
async function publishOnceThere({ requestId, plan }: ExportRecord, { directory, signal }: Exporting): Promise<void> {
  for (;;) {
    try {
      return await directory.publish(plan.destination, requestId, plan.names);
    } catch (error) {
      if (codeOf(error) !== 'EXPORT_ROOT_GONE') throw error;
      if (signal.aborted) {
        const rest = 'its files are whole, and get their names at the next start';
        throw new TidemarkError('INTERRUPTED', `export ${requestId} was interrupted; ${rest}`, { cause: error });
      }
      await pause(rootCheckMs, signal);
    }
  }
}

/**
 * Records that the request runs. A request that was recorded as running when it was accepted is checked instead, because it
 * may have been cancelled before this process could abort it.
 */
async function begin(record: ExportRecord, store: RequestStore): Promise<void> {
  if (record.state !== 'running') return recordChange(record, { state: 'running' }, store);
  const known = await store.find(record.requestId);
  if (known === null || isEnded(known.state) || known.cancelledBy !== null) throw notRunError(record, known);
}

/** Records a change. Throws `CANCELLED` or `REQUEST_ENDED` when the database has a cancellation or an end already. */
async function recordChange(record: ExportRecord, change: RequestChange, store: RequestStore): Promise<void> {
  if ((await store.update(record.requestId, change)) !== null) return;
  throw notRunError(record, await store.find(record.requestId));
}

function notRunError({ requestId }: ExportRecord, known: ExportRecord | null): TidemarkError {
  const cancelledBy = known?.cancelledBy ?? null;
  if (cancelledBy !== null) return cancelled(requestId, cancelledBy);
  return new TidemarkError('REQUEST_ENDED', `export ${requestId} is not run: it has ended already`);
}

/** The error that ends a cancelled request. */
export function cancelled(requestId: string, by: string): TidemarkError {
  return new TidemarkError('CANCELLED', `export ${requestId} was cancelled by ${by}; it has no files`);
}

/**
 * Recovers the requests that a dead process left unfinished: those in `publishing` get their file names and complete, and so
 * do those whose files are there already; the half-written files of the others are removed. Returns the requests to run again, with their recorded stamp and window.
 */
export async function recoverExports({
  store,
  directory,
}: Pick<Exporting, 'store' | 'directory'>): Promise<readonly ExportRecord[]> {
  const toRun: ExportRecord[] = [];
  const unfinished = await store.unfinished();
  // A process may have died after it reserved names and before it recorded the request.
  await directory.releaseAllBut(unfinished.map(({ requestId }) => requestId));
  for (const record of unfinished) {
    if (await recoverExport(record, { store, directory })) toRun.push(record);
  }
  return toRun;
}

/**
 * Returns true when the request must run again. One that cannot be recovered ends as failed, so that it does not keep the
 * others from running; one whose export root is another one, or gone, is left for the next start with that root.
 */
async function recoverExport(
  record: ExportRecord,
  { store, directory }: Pick<Exporting, 'store' | 'directory'>,
): Promise<boolean> {
  const { requestId, plan, state, cancelledBy } = record;
  try {
    if (state === 'publishing') await directory.publish(plan.destination, requestId, plan.names);
    else {
      await directory.sweep(plan.destination, requestId);
      if (cancelledBy !== null) {
        await endAs(cancelled(requestId, cancelledBy), record, { store, directory });
        return false;
      }
      const manifest = await findPublished(record, directory);
      if (manifest === null) {
        // A request of an earlier version has no reservation, and a loss of power may have taken it.
        await directory.reserve(plan.destination, requestId, plan.stamp);
        return true;
      }
      await store.update(requestId, { state: 'publishing', manifest });
    }
    await releaseNames(record, directory);
    await store.update(requestId, { state: 'completed' });
  } catch (cause) {
    const { code, message } = asExportError(cause, requestId);
    if (code === 'PREFIX_REFUSED' || code === 'EXPORT_ROOT_GONE') return false;
    await takeBack(record, directory);
    await store.update(requestId, { state: 'failed', error: { code, message } });
  }
  return false;
}

/** Records that a request ended without files; returns null where it had ended before. */
export async function endAs(
  { code, message }: TidemarkError,
  record: ExportRecord,
  { store, directory }: Pick<Exporting, 'store' | 'directory'>,
): Promise<ExportRecord | null> {
  const state = code === 'CANCELLED' ? 'cancelled' : 'failed';
  await takeBack(record, directory);
  return store.update(record.requestId, { state, error: { code, message } });
}

/**
 * Removes the hidden files of a request that ends without files, and then gives its names back. Where that fails, the
 * reservation stays and shows what is left: `releaseAllBut` does it later.
 */
async function takeBack({ requestId, plan }: ExportRecord, directory: ExportDirectory): Promise<void> {
  try {
    await directory.sweep(plan.destination, requestId);
    await directory.release(plan.destination, requestId, plan.stamp);
  } catch {
    // The request ends all the same.
  }
}

/** Before the end is recorded, so that whoever sees the end finds no hidden file. What fails here, the next start does. */
async function releaseNames({ requestId, plan }: ExportRecord, directory: ExportDirectory): Promise<void> {
  await directory.release(plan.destination, requestId, plan.stamp).catch(() => undefined);
}

/** Why the signal aborted: the request was cancelled, or the process is stopping. */
function reasonOf({ reason }: AbortSignal, requestId: string): TidemarkError {
  if (reason instanceof TidemarkError) return reason;
  return new TidemarkError('INTERRUPTED', `export ${requestId} was interrupted; it is run again at the next start`);
}

function asExportError(cause: unknown, requestId: string): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TidemarkError('EXPORT_FAILED', `export ${requestId} failed: ${message}`, { cause });
}
