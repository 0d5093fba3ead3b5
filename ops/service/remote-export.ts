import { basename, join } from 'node:path';
import type { ExportReport } from '../../connectors/http/export-report.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Manifest } from '../../pipeline/export/manifest.ts';
import type { GivenParameters } from '../../pipeline/export/parameters.ts';
import { Backoff, pause } from '../../pipeline/waiting.ts';
import type { ServiceClient } from './client.ts';

interface RemoteExport {
  readonly client: ServiceClient;
  readonly requestId: string;
  readonly given: GivenParameters;
  /** Cancels the export when it aborts. */
  readonly signal: AbortSignal;
  /** Plain bytes written since the last call. */
  readonly onProgress: (bytes: number) => void;
}

interface DoneExport {
  readonly plan: { readonly destination: { readonly folder: string }; readonly names: readonly string[] };
  readonly manifest: Manifest;
}

/** Requests are accepted one at a time, so an answer may take this long when many others are before it. */
const answerMs = 300_000;
const pollMs = { first: 50, most: 1_000 };

/** Requests an export from the running service and waits for its end. Throws the error with which the export failed. */
export async function exportByService(asked: RemoteExport): Promise<DoneExport> {
  const { client, requestId, given } = asked;
  if (/^ | $/.test(requestId)) {
    const message = `the request id ${JSON.stringify(requestId)} begins or ends with a space, which HTTP, by which the running service is asked, does not carry`;
    throw new TidemarkError('REQUEST_INVALID', message);
  }
  await client.ask({
    method: 'POST',
    path: `/genesys/1/cs/maintenance/services/files?${new URLSearchParams(given)}`,
    headers: { prefer: 'respond-async', 'idempotency-key': Buffer.from(requestId).toString('latin1') },
    answerMs,
  });
  const report = await ended(asked);
  const { manifest, error, folder } = report;
  if (error !== null) throw new TidemarkError(error.code, error.message);
  // An ended export without an error is completed, and a completed export has a manifest.
  const destination = { folder: join(client.exportRoot, folder ?? '') };
  return { manifest: manifest!, plan: { destination, names: namesOf(report) } };
}

/** The names of all files in the order of their publication: the manifest before the last one. */
function namesOf({ files, manifest_href: href }: ExportReport): readonly string[] {
  const names = files.map(({ name }) => name);
  if (href !== null) names.splice(-1, 0, decodeURIComponent(basename(href)));
  return names;
}

async function ended({ client, requestId, signal, onProgress }: RemoteExport): Promise<ExportReport> {
  let bytes = 0;
  for (const backoff = new Backoff(pollMs.first, pollMs.most); ; ) {
    const report = await client.ask<ExportReport>({ path: addressOf(requestId), answerMs });
    onProgress(Math.max(report.progress.bytes - bytes, 0));
    bytes = report.progress.bytes;
    if (report.state !== 'accepted' && report.state !== 'running') return report;
    await pause(backoff.next(), signal);
    if (signal.aborted) return cancelByService(client, requestId);
  }
}

/** Cancels the export; returns its report, also where it ended before. */
async function cancelByService(client: ServiceClient, requestId: string): Promise<ExportReport> {
  try {
    return await client.ask<ExportReport>({ method: 'DELETE', path: addressOf(requestId), answerMs });
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'REQUEST_ENDED') throw error;
    return client.ask<ExportReport>({ path: addressOf(requestId), answerMs });
  }
}

export function replayAddressOf(requestId: string): string {
  return `/replays/${encodeURIComponent(requestId)}`;
}

export function addressOf(requestId: string): string {
  return `/exports/${encodeURIComponent(requestId)}`;
}
