import type { FailureCode } from '../errors.ts';
import type { Destination, LogEnd, LostRecords, PartitionId, Position } from '../ports.ts';
import type { Manifest } from './manifest.ts';
import type { ExportParameters, GivenParameters } from './parameters.ts';

/**
 * accepted → running → publishing → completed, or failed or cancelled from any of the first three. `publishing` is the
 * point of no return: the files are whole on disk and only their names are missing, so a crash is rolled forward.
 */
export type RequestState = 'accepted' | 'running' | 'publishing' | 'completed' | 'failed' | 'cancelled';

/** True for the three states that a request never leaves. */
export function isEnded(state: RequestState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** Everything decided when the request was accepted, so that running it again gives the same files. */
export interface ExportPlan {
  readonly parameters: ExportParameters;
  readonly timeTo: number;
  readonly stamp: number;
  readonly destination: Destination;
  /** File names in the order they appear: `services` last, so that who sees it sees all. */
  readonly names: readonly string[];
  /** How far the log reached at acceptance; null where there was none to ask. */
  readonly ends: readonly LogEnd[] | null;
}

/** Who asks, and by which door. Requests of one client are served in their order, those of several by turns. */
export interface Asker {
  readonly door: 'http' | 'control' | 'cli';
  readonly client: string;
}

export interface ExportRecord {
  readonly requestId: string;
  readonly state: RequestState;
  readonly asker: Asker;
  readonly acceptedAt: number;
  /** When it ended; null before. */
  readonly endedAt: number | null;
  readonly given: GivenParameters;
  readonly plan: ExportPlan;
  readonly manifest: Manifest | null;
  readonly error: { readonly code: FailureCode; readonly message: string } | null;
  /** Who wants its end; null: nobody. Such a request gets no files any more, whatever dies. */
  readonly cancelledBy: string | null;
}

/**
 * A record of the control topic. The topic's stored position moves in the transaction that does what the record asks for:
 * from `from` (or the beginning of what was lost before it) to `next`, or not at all (`STALE_BATCH`), so that no record
 * is served twice.
 */
export interface ControlPosition {
  readonly partition: PartitionId;
  readonly origin: string;
  readonly from: number;
  readonly next: Position;
  readonly lost: LostRecords | null;
}

export type RequestChange = Partial<Pick<ExportRecord, 'state' | 'manifest' | 'error'>>;

/**
 * Keeps requests in the database. Each call is one transaction, on disk when it resolves; with a control position it moves
 * the control topic too.
 */
export interface RequestStore {
  /** Records a new request. Of one that runs already both is said, that it was accepted and that it runs. */
  insert(record: ExportRecord, control?: ControlPosition): Promise<void>;
  /**
   * Moves a request on, and gives it as it then is. Null, and nothing is changed, when it has ended, or is to be cancelled
   * and would run or publish: this is where it is decided whether a cancellation or the files came first.
   */
  update(requestId: string, change: RequestChange): Promise<ExportRecord | null>;
  /** Wants the end of a request. False, and nothing is changed (no position either), when there is none that could be cancelled. */
  cancel(requestId: string, by: string, control?: ControlPosition): Promise<boolean>;
  /** A known request was asked for again: nothing but the position changes. */
  repeat(requestId: string, control: ControlPosition): Promise<void>;
  find(requestId: string): Promise<ExportRecord | null>;
  /** Requests without a terminal state, oldest first. */
  unfinished(): Promise<readonly ExportRecord[]>;
  /** The newest requests, ended or not, newest first. */
  list(limit: number): Promise<readonly ExportRecord[]>;
  /** Forgets requests that ended before a moment. */
  forgetEndedBefore(moment: number): Promise<void>;
}
