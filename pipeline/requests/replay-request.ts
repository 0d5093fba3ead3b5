import { clientMessage } from '../client-message.ts';
import type { FailureCode, TidemarkError } from '../errors.ts';
import type { GivenParameters } from '../export/parameters.ts';
import {
  type ControlPosition,
  type ExportRecord,
  isEnded,
  type ListFilter,
  type RequestState,
} from '../export/request.ts';

/** accepted → running → completed; from the first two also → failed or cancelled. */
type ReplayState = Exclude<RequestState, 'publishing'>;

/** What was decided when the request was accepted; recorded, so that running it again goes on with the same replay. */
export interface ReplayPlan {
  /** The places as they were given, or their defaults. */
  readonly from: string;
  readonly until: string;
  readonly allowGaps: boolean;
  /** The folder of the log that the service follows; empty where that is Kafka. */
  readonly paths: readonly string[];
  /** The name of its database in the folder of replays. */
  readonly file: string;
}

/** What a replay has read so far, the work of processes before a crash included. */
export interface ReplayProgress {
  readonly recordsRead: number;
  /** How many records there are to read, by their offsets; null while that is not known. */
  readonly records: number | null;
  readonly bytes: number;
  readonly applied: number;
  readonly quarantined: number;
}

export interface ReplayRecord extends Pick<ExportRecord, 'requestId' | 'asker' | 'acceptedAt' | 'endedAt'> {
  readonly state: ReplayState;
  readonly given: GivenParameters;
  readonly plan: ReplayPlan;
  /** Null before it ran. */
  readonly progress: ReplayProgress | null;
  readonly error: Pick<TidemarkError, 'code' | 'message'> | null;
  /** Who cancelled it, or null. A cancelled replay never completes, even after a crash. */
  readonly cancelledBy: string | null;
  /** When an export last read from its database, or when it completed, in milliseconds since 1970 UTC; null before. */
  readonly usedAt: number | null;
  /** When its database was removed; null while it is there, or will be. */
  readonly droppedAt: number | null;
}

export function replayPhaseOf(state: ReplayState): 'queued' | 'reading the log' | 'ended' {
  return isEnded(state) ? 'ended' : state === 'accepted' ? 'queued' : 'reading the log';
}

/** Codes whose messages say what the log lacks; a client needs them to ask for another part of the log. */
const codesOfLog: readonly FailureCode[] = [
  ...(['RECORDS_LOST', 'SOURCE_CHANGED', 'SOURCE_MISSING', 'SOURCE_CORRUPT', 'TOPIC_UNFIT'] as const),
];

/** The folders of an absolute path, up to the name of its file. A URL or `topic/partition` is none. */
const foldersOfPath = /(?<![^\s"'(=,])\/(?:[^\s/]+\/)*(?=[^\s/])/g;

/** The message of a replay's failure as a client may read it: without the folders of the service's machine. */
export function replayMessage(
  error: Pick<TidemarkError, 'code' | 'message'>,
  { plan }: Pick<ReplayRecord, 'plan'>,
): string {
  const message = codesOfLog.includes(error.code) ? error.message : clientMessage(error, []);
  return plan.paths
    .reduce((text, path) => text.replaceAll(path, path.slice(path.lastIndexOf('/') + 1)), message)
    .replaceAll(foldersOfPath, '');
}

export type ReplayChange = Partial<Pick<ReplayRecord, 'state' | 'progress' | 'error'>>;

/**
 * Keeps replays in the database of the service. Each call is one transaction, on disk when it resolves. A control position
 * that is given is moved in the same transaction.
 */
export interface ReplayStore {
  /** Records a new request. Throws `REQUEST_CONFLICT` when an export has its id. */
  insert(record: ReplayRecord, control?: ControlPosition): Promise<void>;
  /**
   * Changes a request and returns it as changed. Returns null and changes nothing when it has ended, or when it is cancelled and
   * the change would run or complete it. A replay that ends as failed or cancelled counts as dropped.
   */
  update(requestId: string, change: ReplayChange): Promise<ReplayRecord | null>;
  /** Marks a request as cancelled. Returns false and changes nothing, no position either, when it is unknown or has ended. */
  cancel(requestId: string, by: string, control?: ControlPosition): Promise<boolean>;
  /** Moves the position for a known request that came again; the last status of an ended one is written again. */
  repeat(requestId: string, control: ControlPosition): Promise<void>;
  /** Writes a status with the progress of a request that has not ended. */
  recordProgress(requestId: string, progress: ReplayProgress): Promise<void>;
  /** Records that an export reads from the database now. */
  markUsed(requestId: string): Promise<void>;
  /** Records that the database is removed; to be called before that is done. */
  markDropped(requestId: string): Promise<void>;
  find(requestId: string): Promise<ReplayRecord | null>;
  /** All of them, oldest first. */
  all(): Promise<readonly ReplayRecord[]>;
  /** The newest requests that the filter lets through, newest first; of one millisecond by id. */
  list(limit: number, filter?: ListFilter): Promise<readonly ReplayRecord[]>;
  /** Deletes requests that ended before a moment, in milliseconds since 1970 UTC, and whose database is dropped. */
  forgetEndedBefore(moment: number): Promise<void>;
}
