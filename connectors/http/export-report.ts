import path from 'node:path';
import type { FastifyReply } from 'fastify';
import { clientMessage } from '../../pipeline/client-message.ts';
import { answeredPaths } from '../../pipeline/export/file-names.ts';
import { reportCompleteness } from '../../pipeline/export/reported-completeness.ts';
import type { ExportRecord, RequestState } from '../../pipeline/export/request.ts';
import type { JobView } from '../../pipeline/requests/job.ts';
import { formatTimestamp } from '../../schemas/json/timestamps.ts';

/** The spellings of the export root; the last one is its real path. */
export type Roots = readonly string[];

export type ExportReport = ReturnType<typeof reportOf>;

/** An export as clients see it. Folders are relative to the export root, whose own path is never shown. */
export function reportOf({ record, progress }: JobView, roots: Roots) {
  const { requestId, state, asker, acceptedAt, endedAt, given, plan, manifest, error } = record;
  const hasFiles = state === 'completed' && manifest !== null;
  const manifestName = hasFiles ? plan.names.find(name => name.endsWith('_manifest.json')) : undefined;
  return {
    request_id: requestId,
    state: reportedState(state),
    door: asker.door,
    client: asker.client,
    accepted_at: formatTimestamp(acceptedAt),
    ended_at: endedAt === null ? null : formatTimestamp(endedAt),
    request: given,
    folder: folderBelow(roots.at(-1) ?? '', plan.destination.folder),
    created: answeredPaths(plan),
    progress: {
      phase: record.state === 'publishing' ? 'publishing' : progress.phase,
      file: progress.file,
      rows: progress.rows,
      bytes: progress.bytes,
      bytes_per_second: progress.bytesPerSecond,
      waited_ms: progress.waitedMs,
    },
    files: hasFiles
      ? manifest.files.map(({ name, kind, rows, bytes, sha256, packed_bytes, packed_sha256 }) => ({
          ...{ name, path: spelledPath(plan, name), kind, rows, bytes, sha256, packed_bytes, packed_sha256 },
          href: hrefOf(requestId, name),
        }))
      : [],
    manifest_href: manifestName === undefined ? null : hrefOf(requestId, manifestName),
    manifest: hasFiles ? manifest : null,
    error: error === null ? null : { code: error.code, message: clientMessage(error, roots) },
    ...reportCompleteness(record),
  };
}

/** The state as clients know it: files that are complete but not yet linked to their names belong to a running export. */
export function reportedState(state: RequestState): Exclude<RequestState, 'publishing'> {
  return state === 'publishing' ? 'running' : state;
}

/** Adds `Tidemark-Completeness` to an answer about an export; an export without a verdict has no such header. */
export function addCompleteness(reply: FastifyReply, record: ExportRecord): void {
  const { completeness } = reportCompleteness(record);
  if (completeness !== null) reply.header('tidemark-completeness', completeness);
}

/** The folder relative to the root; null for an export made in an earlier export root, whose path is not shown. */
function folderBelow(root: string, folder: string): string | null {
  const relative = path.relative(root, folder);
  return relative === '..' || relative.startsWith('../') ? null : relative;
}

function spelledPath({ destination }: JobView['record']['plan'], name: string): string {
  return answeredPaths({ destination, names: [name] })[0] ?? name;
}

function hrefOf(requestId: string, name: string): string {
  return `/exports/${encodeURIComponent(requestId)}/files/${encodeURIComponent(name)}`;
}
