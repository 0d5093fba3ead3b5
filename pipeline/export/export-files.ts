import { manifestText } from '../../schemas/manifest-text.ts';
import type { WatchedWindow } from '../completeness/contradictions.ts';
import type { Lateness } from '../completeness/sources.ts';
import { type Completeness, judgeCompleteness } from '../completeness/verdict.ts';
import type { ExportDirectory, PendingFile } from '../ports.ts';
import { exportFileName } from './file-names.ts';
import type { WaitOutcome } from './log-wait.ts';
import { buildManifest, type Manifest, type WrittenFile } from './manifest.ts';
import { type ExportRecord, isFromReplay } from './request.ts';
import { type FileKind, fileKinds, type Selection } from './selection.ts';
import type { ReplayReader, Snapshot, SnapshotReader, WrittenRows } from './snapshot.ts';

/** What is needed to write the files of an export. */
export interface Writing {
  readonly directory: ExportDirectory;
  readonly snapshots: SnapshotReader;
  readonly replays: ReplayReader;
  /** Records from before the snapshot on which batches contradict the window; see `Warehouse`. */
  readonly contradictions: { watch(window: WatchedWindow): void; unwatch(requestId: string): void };
  readonly lateness: Lateness;
  /** How far record and event times may lie from the time of appending, in milliseconds. */
  readonly skewMs: number;
  /** Name and version of this software, for the manifest. */
  readonly software: string;
  /** Waits until the export may take its snapshot. */
  readonly wait: (record: ExportRecord, signal: AbortSignal) => Promise<WaitOutcome>;
  /**
   * Stops the export. With a `CANCELLED` error as its reason the export ends as cancelled; with any other reason it stays
   * unfinished, and the next start runs it again.
   */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ExportProgress) => void;
}

/** Reported for each write to a file (`bytes`, with 0 rows), and once for the finished file (`rows`, with 0 bytes). */
export interface ExportProgress {
  readonly kind: FileKind;
  readonly bytes: number;
  readonly rows: number;
}

/** What writing the files of an export found out. */
interface WrittenExport {
  readonly manifest: Manifest;
  /** The number of the last batch in the snapshot. */
  readonly snapshotBatch: number;
}

/**
 * Waits for the log, then writes all files of an export from one snapshot, under hidden names, synced to disk. Batches
 * that are stored after the snapshot and contradict a complete window are recorded from then on. When it throws, nothing
 * is being written any more; the caller removes the hidden files.
 */
export async function writeFiles(record: ExportRecord, writing: Writing): Promise<WrittenExport> {
  const { requestId, plan } = record;
  const { timeFrom, filterEvents } = plan.parameters;
  const waited = await writing.wait(record, writing.signal);
  const { contradictions } = writing;
  if (isFromReplay(record)) return writeFromReplay(record, waited, writing);
  contradictions.watch({ requestId, timeFrom, timeTo: plan.timeTo, filterEvents });
  let status: Completeness['status'] = 'provisional';
  try {
    const written = await writeSnapshot(record, waited, writing);
    ({ status } = written.manifest);
    return written;
  } finally {
    if (status === 'provisional') contradictions.unwatch(requestId);
  }
}

/** Events that are stored in the live database later contradict no export of a replay. */
async function writeFromReplay(record: ExportRecord, waited: WaitOutcome, writing: Writing): Promise<WrittenExport> {
  const { snapshots, close } = await writing.replays.open(String(record.plan.parameters.fromReplay));
  try {
    return await writeSnapshot(record, waited, { ...writing, snapshots });
  } finally {
    await close();
  }
}

async function writeSnapshot(record: ExportRecord, waited: WaitOutcome, writing: Writing): Promise<WrittenExport> {
  const { requestId, plan, given } = record;
  const { parameters, timeTo } = plan;
  const { timeFrom, filterEvents, filterState } = parameters;
  const selection: Selection = { timeFrom, timeTo, filterEvents, filterState };
  const snapshot = await writing.snapshots.snapshot(selection, parameters);
  const interrupt = (): void => snapshot.interrupt();
  writing.signal.addEventListener('abort', interrupt, { once: true });
  try {
    // An abort while the snapshot was being opened could not interrupt it.
    writing.signal.throwIfAborted();
    const completeness = judge(snapshot, { timeFrom, timeTo, waited }, writing);
    const files = await writeDataFiles(snapshot, record, writing);
    const { schemaIds, sources, batch, servicesWithoutStart, splitServices } = snapshot;
    const { lateness, software } = writing;
    const request = { requestId, parameters: given, selection, completeness };
    const judged = waited.sources ?? sources;
    const manifest = buildManifest({
      ...request,
      extensions: parameters.extensions,
      servicesWithoutStart,
      splitServices,
      sources,
      judged,
      lateness,
      schemaIds,
      files,
      software,
    });
    if (parameters.manifest) await writeManifest(manifest, record, writing.directory);
    return { manifest, snapshotBatch: batch };
  } finally {
    writing.signal.removeEventListener('abort', interrupt);
    await snapshot.close();
  }
}

function judge(
  { sources, splitServices }: Snapshot,
  { waited, ...window }: { readonly timeFrom: number; readonly timeTo: number; readonly waited: WaitOutcome },
  { lateness, skewMs }: Pick<Writing, 'lateness' | 'skewMs'>,
): Completeness {
  const { ends } = waited;
  const judged = judgeCompleteness({
    ...window,
    ...{ ends, lateness, skewMs, splitServices },
    sources: waited.sources ?? sources,
  });
  if (waited.timedOut === null || judged.status === 'complete') return judged;
  return { ...judged, reasons: [...judged.reasons, waited.timedOut] };
}

/** Writes the files one after the other; while one is synced to disk, the next is written. */
async function writeDataFiles(
  snapshot: Snapshot,
  record: ExportRecord,
  writing: Writing,
): Promise<readonly WrittenFile[]> {
  const sealing: Promise<WrittenFile>[] = [];
  const failed = new AbortController();
  const signal = AbortSignal.any([writing.signal, failed.signal]);
  try {
    for (const kind of fileKinds(record.plan.parameters.format)) {
      const sealed = sealFile(await writeFile(kind, snapshot, record, { ...writing, signal }));
      sealing.push(sealed);
      // When sealing fails, the file that is being written meanwhile is given up too.
      sealed.catch(error => failed.abort(error));
    }
    return await Promise.all(sealing);
  } finally {
    // The caller removes hidden files next, and must not miss one that is still being sealed.
    await Promise.allSettled(sealing);
  }
}

interface UnsealedFile extends WrittenRows {
  readonly kind: FileKind;
  readonly pending: PendingFile;
}

async function sealFile({ pending, ...written }: UnsealedFile): Promise<WrittenFile> {
  return { ...written, ...(await keepOrDiscard(pending, () => pending.seal())) };
}

/** Runs a step of writing a file, and removes the hidden file when the step fails. */
async function keepOrDiscard<T>(pending: PendingFile, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    await pending.discard();
    throw error;
  }
}

async function writeFile(
  kind: FileKind,
  snapshot: Snapshot,
  record: ExportRecord,
  writing: Writing,
): Promise<UnsealedFile> {
  const { requestId, plan } = record;
  const { destination, stamp, parameters } = plan;
  const name = exportFileName(destination.stem, stamp, kind, parameters);
  const pending = await writing.directory.create(destination, requestId, name, parameters.compression);
  const written = await keepOrDiscard(pending, () =>
    snapshot.write(kind, async bytes => {
      writing.signal.throwIfAborted();
      await pending.write(bytes);
      writing.onProgress?.({ kind, bytes: bytes.length, rows: 0 });
    }),
  );
  writing.onProgress?.({ kind, bytes: 0, rows: written.rows });
  return { kind, pending, ...written };
}

async function writeManifest(
  manifest: Manifest,
  { requestId, plan }: ExportRecord,
  directory: ExportDirectory,
): Promise<void> {
  const name = plan.names.find(candidate => candidate.endsWith('_manifest.json'))!;
  const pending = await directory.create(plan.destination, requestId, name, 'uncompressed');
  await keepOrDiscard(pending, async () => {
    await pending.write(Buffer.from(manifestText(manifest)));
    await pending.seal();
  });
}
