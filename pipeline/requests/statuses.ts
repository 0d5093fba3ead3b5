import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import { clientMessage } from '../client-message.ts';
import type { TidemarkError } from '../errors.ts';
import { answeredPaths } from '../export/file-names.ts';
import type { Manifest } from '../export/manifest.ts';
import { type ReportedCompleteness, reportCompleteness } from '../export/reported-completeness.ts';
import { type ExportRecord, isEnded, type RequestState } from '../export/request.ts';
import type { FileKind } from '../export/selection.ts';
import type { JobProgress } from './job.ts';
import { type ReplayRecord, replayMessage, replayPhaseOf } from './replay-request.ts';

/** A record of the status topic: the state of a request (contract 5.18). */
export interface Status extends ReportedCompleteness {
  readonly request_id: string;
  /** What was asked for; `export` also for a refused control record that asked for neither. */
  readonly action: 'export' | 'replay';
  /** Counts the statuses of one request, from 1; 0 for the refusal of a control record. */
  readonly sequence: number;
  readonly status: Exclude<RequestState, 'publishing'>;
  readonly at: string;
  readonly progress: StatusProgress | null;
  /** The paths of the published files, in the client's spelling; empty before. */
  readonly created: readonly string[];
  readonly rows: Readonly<Partial<Record<FileKind, number>>> | null;
  readonly manifest: Manifest | null;
  readonly error: ExportRecord['error'];
  /** The name of the service that speaks. */
  readonly service: string;
}

/** Of a replay, `rows` are the records that it has read, and `bytes` the bytes of the log. */
export interface StatusProgress extends Pick<JobProgress, 'file' | 'rows' | 'bytes'> {
  readonly phase: JobProgress['phase'] | 'publishing' | 'reading the log';
}

/** Records the progress of a running request; does nothing for one that has ended. */
export interface ProgressStore {
  recordProgress(requestId: string, progress: StatusProgress): Promise<void>;
}

/** A status that waits to be sent; the statuses of one request are sent in the order of their numbers. */
export interface OutboxEntry {
  readonly number: number;
  readonly requestId: string;
  readonly status: string;
}

/** The statuses that wait to be sent. Each was written in the transaction of its change. */
export interface Outbox {
  oldest(limit: number): Promise<readonly OutboxEntry[]>;
  /** Deletes all statuses up to this number, after they were sent. */
  sent(upTo: number): Promise<void>;
  count(): Promise<number>;
  /** Resolves when there may be something new, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void>;
}

/** What a refused control record asked for. */
export interface RefusedRequest {
  readonly requestId: string;
  readonly action: Status['action'];
}

interface StatusContext {
  readonly sequence: number;
  readonly now: number;
  readonly progress?: StatusProgress | null;
  /** The spellings of the export root, which are replaced in messages. */
  readonly roots: readonly string[];
  readonly service: string;
}

/** The status that reports a request's recorded state. */
export function statusOf(
  record: ExportRecord,
  { sequence, now, progress = null, roots, service }: StatusContext,
): Status {
  const { requestId, state, plan, manifest, error, endedAt } = record;
  return {
    request_id: requestId,
    action: 'export',
    sequence,
    status: state === 'publishing' ? 'running' : state,
    at: formatTimestamp(endedAt ?? now),
    progress: progress ?? progressOf(record),
    created: state === 'completed' ? answeredPaths(plan) : [],
    rows: manifest === null ? null : Object.fromEntries(manifest.files.map(({ kind, rows }) => [kind, rows])),
    manifest: state === 'completed' ? manifest : null,
    error: error === null ? null : { code: error.code, message: clientMessage(error, roots) },
    ...reportCompleteness(record),
    service,
  };
}

/** The status that reports a replay's recorded state. It has the members of an export's status. */
export function replayStatusOf(
  record: ReplayRecord,
  { sequence, now, service }: Pick<StatusContext, 'sequence' | 'now' | 'service'>,
): Status {
  const { requestId, state, progress, error, endedAt } = record;
  return {
    request_id: requestId,
    action: 'replay',
    sequence,
    status: state,
    at: formatTimestamp(endedAt ?? now),
    progress: {
      phase: replayPhaseOf(state),
      file: null,
      rows: progress?.recordsRead ?? 0,
      bytes: progress?.bytes ?? 0,
    },
    ...{ created: [], rows: null, manifest: null },
    error: error === null ? null : { code: error.code, message: replayMessage(error, record) },
    ...{ completeness: null, changed_since: null },
    service,
  };
}

/**
 * The status of a refused control record. Its sequence is 0, below every status of a request with that id: the refusal of
 * a conflicting request, or of a late cancellation, must not look like the end of the request. A reader that keeps the
 * status with the highest sequence sees a refusal only where there is no request.
 */
export function refusalOf(
  { requestId, action }: RefusedRequest,
  error: TidemarkError,
  { now, roots, service }: Omit<StatusContext, 'sequence' | 'progress'>,
): Status {
  return {
    request_id: requestId,
    action,
    sequence: 0,
    status: 'failed',
    at: formatTimestamp(now),
    progress: null,
    created: [],
    rows: null,
    manifest: null,
    error: { code: error.code, message: clientMessage(error, roots) },
    completeness: null,
    changed_since: null,
    service,
  };
}

function progressOf({ state, manifest }: ExportRecord): StatusProgress {
  const files = manifest?.files ?? [];
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { phase: phaseOf(state), file: null, rows, bytes };
}

function phaseOf(state: RequestState): StatusProgress['phase'] {
  if (isEnded(state)) return 'ended';
  if (state === 'accepted') return 'queued';
  return state === 'publishing' ? 'publishing' : 'waiting for the log';
}
