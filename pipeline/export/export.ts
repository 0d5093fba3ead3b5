import { TidemarkError } from '../errors.ts';
import { type Writing, writeFiles } from './export-files.ts';
import type { Manifest } from './manifest.ts';
import { type ExportRecord, isEnded, type RequestChange, type RequestStore } from './request.ts';

/** What a request needs to be run to its end. */
export interface Exporting extends Writing {
  readonly store: RequestStore;
}

/** A request whose files are there. */
interface CompletedExport extends ExportRecord {
  readonly manifest: Manifest;
}

/**
 * Runs an accepted request to its end: one snapshot, every file whole on disk under a hidden name, then all names at
 * once, `services` last. Whatever fails leaves no file and the request `failed` or `cancelled`; the error is thrown.
 * A request that has ended is not run again: its recorded outcome is given, or thrown.
 */
export async function runExport(record: ExportRecord, exporting: Exporting): Promise<CompletedExport> {
  if (record.error !== null) throw new TidemarkError(record.error.code, record.error.message);
  if (record.state === 'completed' && record.manifest !== null) return { ...record, manifest: record.manifest };
  const manifest = await writeAndPublish(record, exporting);
  // Past publication nothing may be taken back: should this fail, the next start finds `publishing` and finishes it.
  const completed = await exporting.store.update(record.requestId, { state: 'completed' });
  if (completed === null) throw new Error(`export ${record.requestId} has its files, and had ended before`);
  return { ...completed, manifest };
}

async function writeAndPublish(record: ExportRecord, exporting: Exporting): Promise<Manifest> {
  const { store, directory } = exporting;
  const { requestId, plan } = record;
  let mayStop = true;
  try {
    await begin(record, store);
    const manifest = await writeFiles(record, exporting);
    await moveOn(record, { state: 'publishing', manifest }, store);
    mayStop = false;
    await directory.publish(plan.destination, requestId, plan.names);
    return manifest;
  } catch (cause) {
    const stopped = mayStop && exporting.signal.aborted;
    const error = stopped ? reasonOf(exporting.signal, requestId) : asExportError(cause, requestId);
    await directory.sweep(plan.destination, requestId).catch(() => undefined);
    if (error.code !== 'INTERRUPTED') await endAs(error, requestId, store);
    throw error;
  }
}

/** A request that was recorded as running may have been cancelled before anyone here could be told. */
async function begin(record: ExportRecord, store: RequestStore): Promise<void> {
  if (record.state !== 'running') return moveOn(record, { state: 'running' }, store);
  const known = await store.find(record.requestId);
  if (known === null || isEnded(known.state) || known.cancelledBy !== null) throw notRun(record, known);
}

/** Throws `CANCELLED` when the request is to get no files: the database may know it before our signal aborts. */
async function moveOn(record: ExportRecord, change: RequestChange, store: RequestStore): Promise<void> {
  if ((await store.update(record.requestId, change)) !== null) return;
  throw notRun(record, await store.find(record.requestId));
}

function notRun({ requestId }: ExportRecord, known: ExportRecord | null): TidemarkError {
  const cancelledBy = known?.cancelledBy ?? null;
  if (cancelledBy !== null) return cancelled(requestId, cancelledBy);
  return new TidemarkError('REQUEST_ENDED', `export ${requestId} is not run: it has ended already`);
}

/** What ends a request without its files. */
export function cancelled(requestId: string, by: string): TidemarkError {
  return new TidemarkError('CANCELLED', `export ${requestId} was cancelled by ${by}; no file of it is there`);
}

/**
 * Finishes what a dead process left: files that only lacked their names get them, other requests lose their half-written
 * files and are run again with their recorded stamp and window. Gives the requests to run.
 */
export async function recoverExports({
  store,
  directory,
}: Pick<Exporting, 'store' | 'directory'>): Promise<readonly ExportRecord[]> {
  const toRun: ExportRecord[] = [];
  for (const record of await store.unfinished()) {
    if (await prepareAgain(record, { store, directory })) toRun.push(record);
  }
  return toRun;
}

/**
 * True when the request is to be run again. One that cannot be finished must not keep all others from running: it ends
 * as failed. But one whose folder lies in another export root is left for the next start with that root.
 */
async function prepareAgain(
  { requestId, plan, state, cancelledBy }: ExportRecord,
  { store, directory }: Pick<Exporting, 'store' | 'directory'>,
): Promise<boolean> {
  try {
    if (state !== 'publishing') {
      await directory.sweep(plan.destination, requestId);
      if (cancelledBy !== null) await endAs(cancelled(requestId, cancelledBy), requestId, store);
      return cancelledBy === null;
    }
    await directory.publish(plan.destination, requestId, plan.names);
    await store.update(requestId, { state: 'completed' });
  } catch (cause) {
    const { code, message } = asExportError(cause, requestId);
    if (code === 'PREFIX_REFUSED') return false;
    await directory.sweep(plan.destination, requestId).catch(() => undefined);
    await store.update(requestId, { state: 'failed', error: { code, message } });
  }
  return false;
}

/** Records that a request ended without its files; null where it had ended before. */
export function endAs(
  { code, message }: TidemarkError,
  requestId: string,
  store: RequestStore,
): Promise<ExportRecord | null> {
  const state = code === 'CANCELLED' ? 'cancelled' : 'failed';
  return store.update(requestId, { state, error: { code, message } });
}

/** What an aborted signal means to a request: it was cancelled, or the process is being stopped. */
function reasonOf({ reason }: AbortSignal, requestId: string): TidemarkError {
  if (reason instanceof TidemarkError) return reason;
  return new TidemarkError('INTERRUPTED', `export ${requestId} was interrupted; it is run again at the next start`);
}

function asExportError(cause: unknown, requestId: string): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TidemarkError('EXPORT_FAILED', `export ${requestId} failed: ${message}`, { cause });
}
