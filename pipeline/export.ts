import { type Completeness, judgeCompleteness } from './completeness.ts';
import { TidemarkError } from './errors.ts';
import { exportFileName } from './file-names.ts';
import type { Waited } from './log-wait.ts';
import { buildManifest, type Manifest, type WrittenFile } from './manifest.ts';
import type { ExportDirectory, PendingFile, Snapshot, SnapshotReader, WrittenRows } from './ports.ts';
import type { ExportRecord, RequestChange, RequestStore } from './requests.ts';
import { type FileKind, fileKinds, type Selection } from './selection.ts';

export interface Exporting {
  readonly store: RequestStore;
  readonly directory: ExportDirectory;
  readonly snapshots: SnapshotReader;
  readonly allowedLatenessMs: number;
  /** Name and version of this software, for the manifest. */
  readonly software: string;
  /** Waits for what the export is to hold, before its snapshot is taken. */
  readonly wait: (record: ExportRecord, signal: AbortSignal) => Promise<Waited>;
  /**
   * Ends the export: for good, as cancelled, when its reason is a `CANCELLED`; else it stays as it is, to be run again by
   * the next start.
   */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ExportProgress) => void;
}

/** Bytes that were written of a file, or the rows of one that is whole. */
export interface ExportProgress {
  readonly kind: FileKind;
  readonly bytes: number;
  readonly rows: number;
}

/** A request whose files are there. */
export interface CompletedExport extends ExportRecord {
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
  return { ...(completed ?? record), manifest };
}

async function writeAndPublish(record: ExportRecord, exporting: Exporting): Promise<Manifest> {
  const { store, directory } = exporting;
  const { requestId, plan } = record;
  let mayStop = true;
  try {
    await moveOn(record, { state: 'running' }, store);
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

/** Throws `CANCELLED` when the request is to get no files: the database may know it before our signal aborts. */
async function moveOn({ requestId }: ExportRecord, change: RequestChange, store: RequestStore): Promise<void> {
  if ((await store.update(requestId, change)) !== null) return;
  const cancelledBy = (await store.find(requestId))?.cancelledBy ?? null;
  if (cancelledBy !== null) throw cancelled(requestId, cancelledBy);
  throw new TidemarkError('REQUEST_ENDED', `export ${requestId} is not run: it has ended already`);
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

async function writeFiles(record: ExportRecord, exporting: Exporting): Promise<Manifest> {
  const { requestId, plan, given } = record;
  const { parameters, timeTo } = plan;
  const { timeFrom, filterEvents, filterState } = parameters;
  const selection: Selection = { timeFrom, timeTo, filterEvents, filterState };
  const waited = await exporting.wait(record, exporting.signal);
  const snapshot = await exporting.snapshots.snapshot(selection, parameters);
  const interrupt = (): void => snapshot.interrupt();
  exporting.signal.addEventListener('abort', interrupt, { once: true });
  try {
    // An abort while the snapshot was being opened interrupted nothing.
    exporting.signal.throwIfAborted();
    const files = await writeKinds(snapshot, record, exporting);
    const { schemaIds, positions } = snapshot;
    const completeness = judge(snapshot, { timeTo, waited, allowedLatenessMs: exporting.allowedLatenessMs });
    const manifest = buildManifest({
      requestId,
      parameters: given,
      selection,
      positions,
      schemaIds,
      completeness,
      files,
      software: exporting.software,
    });
    if (parameters.manifest) await writeManifest(manifest, record, exporting.directory);
    return manifest;
  } finally {
    exporting.signal.removeEventListener('abort', interrupt);
    await snapshot.close();
  }
}

function judge(
  { positions, splitServices, lostRecords }: Snapshot,
  { waited, ...window }: { readonly timeTo: number; readonly allowedLatenessMs: number; readonly waited: Waited },
): Completeness {
  const judged = judgeCompleteness({ ...window, positions, splitServices, lostRecords, seen: waited.seen });
  if (waited.gaveUp === null || judged.status === 'complete') return judged;
  return { ...judged, reasons: [...judged.reasons, waited.gaveUp] };
}

/** One after the other; while a file goes to the disk for good, the next is written already. */
async function writeKinds(
  snapshot: Snapshot,
  record: ExportRecord,
  exporting: Exporting,
): Promise<readonly WrittenFile[]> {
  const sealing: Promise<WrittenFile>[] = [];
  try {
    for (const kind of fileKinds(record.plan.parameters.format)) {
      const sealed = sealFile(await writeFile(kind, snapshot, record, exporting));
      sealing.push(sealed);
      // Thrown below, when the file that is being written then has come to its end.
      sealed.catch(() => undefined);
    }
    return await Promise.all(sealing);
  } finally {
    // Whoever takes half-written files away must find none that is still on its way.
    await Promise.allSettled(sealing);
  }
}

interface UnsealedFile extends WrittenRows {
  readonly kind: FileKind;
  readonly pending: PendingFile;
}

async function sealFile({ pending, ...written }: UnsealedFile): Promise<WrittenFile> {
  try {
    return { ...written, ...(await pending.seal()) };
  } catch (error) {
    await pending.discard();
    throw error;
  }
}

async function writeFile(
  kind: FileKind,
  snapshot: Snapshot,
  record: ExportRecord,
  exporting: Exporting,
): Promise<UnsealedFile> {
  const { requestId, plan } = record;
  const { destination, stamp, parameters } = plan;
  const name = exportFileName(destination.stem, stamp, kind, parameters);
  const pending = await exporting.directory.create(destination, requestId, name, parameters.compression);
  try {
    const written = await snapshot.write(kind, async bytes => {
      exporting.signal.throwIfAborted();
      await pending.write(bytes);
      exporting.onProgress?.({ kind, bytes: bytes.length, rows: 0 });
    });
    exporting.onProgress?.({ kind, bytes: 0, rows: written.rows });
    return { kind, pending, ...written };
  } catch (error) {
    await pending.discard();
    throw error;
  }
}

async function writeManifest(
  manifest: Manifest,
  { requestId, plan }: ExportRecord,
  directory: ExportDirectory,
): Promise<void> {
  const name = plan.names.find(candidate => candidate.endsWith('_manifest.json'))!;
  const pending = await directory.create(plan.destination, requestId, name, 'uncompressed');
  try {
    await pending.write(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
    await pending.seal();
  } catch (error) {
    await pending.discard();
    throw error;
  }
}

function asExportError(cause: unknown, requestId: string): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new TidemarkError('EXPORT_FAILED', `export ${requestId} failed: ${message}`, { cause });
}
