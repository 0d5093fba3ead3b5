import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import { clientMessage } from '../client-message.ts';
import type { TidemarkError } from '../errors.ts';
import { answeredPaths } from '../export/file-names.ts';
import type { Manifest } from '../export/manifest.ts';
import { type ExportRecord, isEnded, type RequestState } from '../export/request.ts';
import type { FileKind } from '../export/selection.ts';
import type { JobProgress } from './job.ts';

/** What the status topic says of a request (contract, section 5). */
export interface Status {
  readonly request_id: string;
  /** Grows from 1 with everything that is said of one request. */
  readonly sequence: number;
  readonly status: Exclude<RequestState, 'publishing'>;
  readonly at: string;
  readonly progress: StatusProgress | null;
  /** The paths of the files that are there, as the HTTP door answers them. */
  readonly created: readonly string[];
  readonly rows: Readonly<Partial<Record<FileKind, number>>> | null;
  readonly manifest: Manifest | null;
  readonly error: ExportRecord['error'];
}

export interface StatusProgress extends Pick<JobProgress, 'file' | 'rows' | 'bytes'> {
  readonly phase: JobProgress['phase'] | 'publishing';
}

/** Says progress of a running request; nothing of one that has ended. */
export interface ProgressStore {
  tell(requestId: string, progress: StatusProgress): Promise<void>;
}

/** A status on its way: records of one key are sent in the order of their numbers. */
export interface OutboxEntry {
  readonly number: number;
  readonly requestId: string;
  readonly status: string;
}

/** Statuses that were written with the changes they tell of, and are not known to be sent. */
export interface Outbox {
  oldest(limit: number): Promise<readonly OutboxEntry[]>;
  /** All up to this number are sent, and forgotten. */
  sent(upTo: number): Promise<void>;
  count(): Promise<number>;
  /** Resolves when there may be something new, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void>;
}

export interface SaidOf {
  readonly sequence: number;
  readonly now: number;
  readonly progress?: StatusProgress | null;
  /** The spellings of the export root, which no status tells. */
  readonly roots: readonly string[];
}

/** What is to be said of a request as it is recorded. */
export function statusOf(record: ExportRecord, { sequence, now, progress = null, roots }: SaidOf): Status {
  const { requestId, state, plan, manifest, error, endedAt } = record;
  return {
    request_id: requestId,
    sequence,
    status: state === 'publishing' ? 'running' : state,
    at: formatTimestamp(endedAt ?? now),
    progress: progress ?? progressOf(record),
    created: state === 'completed' ? answeredPaths(plan) : [],
    rows: manifest === null ? null : Object.fromEntries(manifest.files.map(({ kind, rows }) => [kind, rows])),
    manifest: state === 'completed' ? manifest : null,
    error: error === null ? null : { code: error.code, message: clientMessage(error, roots) },
  };
}

/**
 * Says that a record of the control topic was refused. Its sequence is 0, below all that is said of a request by that id:
 * the refusal of a second request, or of a late cancellation, must not look like the end of the first one. A reader who
 * keeps the highest sequence sees it only where there is nothing else to see.
 */
export function refusalOf(
  requestId: string,
  error: TidemarkError,
  { now, roots }: Pick<SaidOf, 'now' | 'roots'>,
): Status {
  return {
    request_id: requestId,
    sequence: 0,
    status: 'failed',
    at: formatTimestamp(now),
    progress: null,
    created: [],
    rows: null,
    manifest: null,
    error: { code: error.code, message: clientMessage(error, roots) },
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
