import { judgeCompleteness } from './completeness.ts';
import { TidemarkError } from './errors.ts';
import { exportFileName } from './file-names.ts';
import { buildManifest, type Manifest, type WrittenFile } from './manifest.ts';
import type { ExportDirectory, Snapshot, SnapshotReader } from './ports.ts';
import type { ExportRecord, RequestStore } from './requests.ts';
import { type FileKind, fileKinds, type Selection } from './selection.ts';

export interface Exporting {
  readonly store: RequestStore;
  readonly directory: ExportDirectory;
  readonly snapshots: SnapshotReader;
  readonly allowedLatenessMs: number;
  /** Name and version of this software, for the manifest. */
  readonly software: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: { readonly kind: FileKind; readonly bytes: number }) => void;
}

/**
 * Runs an accepted request to its end: one snapshot, every file whole on disk under a hidden name, then all names at
 * once, `services` last. Whatever fails leaves no file and the request `failed`; the error is thrown.
 * A request that has ended is not run again: its recorded outcome is given, or thrown.
 */
export async function runExport(record: ExportRecord, exporting: Exporting): Promise<Manifest> {
  if (record.error !== null) throw new TidemarkError(record.error.code, record.error.message);
  if (record.state === 'completed' && record.manifest !== null) return record.manifest;
  const manifest = await writeAndPublish(record, exporting);
  // Past publication nothing may be taken back: should this fail, the next start finds `publishing` and finishes it.
  await exporting.store.update(record.requestId, { state: 'completed' });
  return manifest;
}

async function writeAndPublish(record: ExportRecord, exporting: Exporting): Promise<Manifest> {
  const { store, directory } = exporting;
  const { requestId, plan } = record;
  try {
    await store.update(requestId, { state: 'running' });
    const manifest = await writeFiles(record, exporting);
    await store.update(requestId, { state: 'publishing', manifest });
    await directory.publish(plan.destination, requestId, plan.names);
    return manifest;
  } catch (cause) {
    const error = asExportError(cause, requestId);
    await directory.sweep(plan.destination, requestId).catch(() => undefined);
    const state = error.code === 'INTERRUPTED' ? 'cancelled' : 'failed';
    await store.update(requestId, { state, error: { code: error.code, message: error.message } });
    throw error;
  }
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
  { requestId, plan, state }: ExportRecord,
  { store, directory }: Pick<Exporting, 'store' | 'directory'>,
): Promise<boolean> {
  try {
    if (state !== 'publishing') {
      await directory.sweep(plan.destination, requestId);
      return true;
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

async function writeFiles(record: ExportRecord, exporting: Exporting): Promise<Manifest> {
  const { requestId, plan, given } = record;
  const { parameters, timeTo } = plan;
  const { timeFrom, filterEvents, filterState } = parameters;
  const selection: Selection = { timeFrom, timeTo, filterEvents, filterState };
  const snapshot = await exporting.snapshots.snapshot(selection, parameters);
  try {
    const files: WrittenFile[] = [];
    for (const kind of fileKinds(parameters.format)) files.push(await writeFile(kind, snapshot, record, exporting));
    const { positions, schemaIds, splitServices } = snapshot;
    const { allowedLatenessMs, software } = exporting;
    const completeness = judgeCompleteness({ positions, timeTo, allowedLatenessMs, splitServices });
    const manifest = buildManifest({
      requestId,
      parameters: given,
      selection,
      positions,
      schemaIds,
      completeness,
      files,
      software,
    });
    if (parameters.manifest) await writeManifest(manifest, record, exporting.directory);
    return manifest;
  } finally {
    await snapshot.close();
  }
}

async function writeFile(
  kind: FileKind,
  snapshot: Snapshot,
  record: ExportRecord,
  exporting: Exporting,
): Promise<WrittenFile> {
  const { requestId, plan } = record;
  const { destination, stamp, parameters } = plan;
  const name = exportFileName(destination.stem, stamp, kind, parameters);
  const pending = await exporting.directory.create(destination, requestId, name, parameters.compression);
  try {
    const written = await snapshot.write(kind, async bytes => {
      if (exporting.signal.aborted) throw new TidemarkError('INTERRUPTED', `export ${requestId} was interrupted`);
      await pending.write(bytes);
      exporting.onProgress?.({ kind, bytes: bytes.length });
    });
    return { kind, ...written, ...(await pending.seal()) };
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
