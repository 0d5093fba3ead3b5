import type { Look } from '../completeness/changes.ts';
import type { FailureCode } from '../errors.ts';
import type { Destination, LostRecords, PartitionId, Position } from '../ports.ts';
import type { Manifest } from './manifest.ts';
import type { ExportParameters, GivenParameters } from './parameters.ts';

/**
 * accepted → running → publishing → completed; from the first three also → failed or cancelled. In `publishing` the files
 * are whole on disk and only their names are missing, so that after a crash the export is completed, not run again.
 */
export type RequestState = 'accepted' | 'running' | 'publishing' | 'completed' | 'failed' | 'cancelled';

/** True for completed, failed and cancelled: a request never leaves these. */
export function isEnded(state: RequestState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** What was decided when the request was accepted; recorded, so that running it again gives the same files. */
export interface ExportPlan {
  readonly parameters: ExportParameters;
  /** End of the window, in milliseconds since 1970 UTC. */
  readonly timeTo: number;
  /** The time in the file names, in milliseconds since 1970 UTC. */
  readonly stamp: number;
  readonly destination: Destination;
  /** File names in the order of their publication: `services` last, so that a reader who sees it sees all files. */
  readonly names: readonly string[];
  /** The look at the log's ends at acceptance; null when the log did not answer or there is none. */
  readonly look: Pick<Look, 'at' | 'ends'> | null;
}

/** The client of a request, and the door that it used. One client's requests run in their order; clients take turns. */
export interface Asker {
  readonly door: 'http' | 'control' | 'cli';
  readonly client: string;
}

/** The first event that contradicted a complete export after its snapshot. */
export interface ChangedSince {
  /** When it was stored, in milliseconds since 1970 UTC. */
  readonly at: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** How many services are changed by events that contradict the export, added up batch by batch. */
  readonly services: number;
}

export interface ExportRecord {
  readonly requestId: string;
  readonly state: RequestState;
  readonly asker: Asker;
  /** In milliseconds since 1970 UTC, as `endedAt`. */
  readonly acceptedAt: number;
  /** Null until it has ended. */
  readonly endedAt: number | null;
  readonly given: GivenParameters;
  readonly plan: ExportPlan;
  readonly manifest: Manifest | null;
  readonly error: { readonly code: FailureCode; readonly message: string } | null;
  /** Who cancelled it, or null. A cancelled request never publishes, even after a crash. */
  readonly cancelledBy: string | null;
  /** The number of the last batch in its snapshot; null before the snapshot. */
  readonly snapshotBatch: number | null;
  /** Null while nothing contradicts the export. */
  readonly changedSince: ChangedSince | null;
}

/** True for an export of a replay's database. Plans of earlier versions do not say it: theirs are of the live one. */
export function isFromReplay({ plan }: Pick<ExportRecord, 'plan'>): boolean {
  return (plan.parameters.fromReplay ?? null) !== null;
}

/**
 * The position of a record of the control topic. The stored position moves from `from` (or from the start of a gap before
 * it) to `next` in the transaction that carries out the request, so that no record is served twice. When the stored
 * position is a different one, nothing changes and `STALE_BATCH` is thrown.
 */
export interface ControlPosition {
  readonly partition: PartitionId;
  readonly origin: string;
  readonly from: number;
  readonly next: Position;
  readonly lost: LostRecords | null;
}

export type RequestChange = Partial<Pick<ExportRecord, 'state' | 'manifest' | 'error' | 'snapshotBatch'>>;

/** Which requests a list holds; null lets all through. */
export interface ListFilter {
  /** Only those that follow this one in the list, whether it is still recorded or not. */
  readonly after: Pick<ExportRecord, 'acceptedAt' | 'requestId'> | null;
  readonly states: readonly RequestState[] | null;
  readonly door: Asker['door'] | null;
  /** The range of `acceptedAt`: from the first moment to before the second one. */
  readonly acceptedFrom: number | null;
  readonly acceptedTo: number | null;
}

/**
 * Keeps requests in the database. Each call is one transaction, on disk when it resolves. A control position that is given
 * is moved in the same transaction.
 */
export interface RequestStore {
  /** Records a new request. One that is `running` already gets two statuses: accepted and running. */
  insert(record: ExportRecord, control?: ControlPosition): Promise<void>;
  /**
   * Changes a request and returns it as changed. Returns null and changes nothing when the request has ended, or when it is
   * cancelled and the change would run or publish it. This transaction decides whether a cancellation or the files came
   * first.
   */
  update(requestId: string, change: RequestChange): Promise<ExportRecord | null>;
  /** Marks a request as cancelled. Returns false and changes nothing, no position either, when it is unknown or has ended. */
  cancel(requestId: string, by: string, control?: ControlPosition): Promise<boolean>;
  /** Moves the position for a known request that came again; the last status of an ended request is written again. */
  repeat(requestId: string, control: ControlPosition): Promise<void>;
  find(requestId: string): Promise<ExportRecord | null>;
  /** Requests without a terminal state, oldest first. */
  unfinished(): Promise<readonly ExportRecord[]>;
  /** The newest requests that the filter lets through, ended or not, newest first; of one millisecond by id. */
  list(limit: number, filter?: ListFilter): Promise<readonly ExportRecord[]>;
  /**
   * Writes a status for each of these requests that is completed and that new events contradict for the first time. To be
   * called after the batch that they contradict is stored; without ids, for those that an earlier process did not report.
   */
  reportChanges(requestIds?: readonly string[]): Promise<void>;
  /** Deletes requests that ended before a moment, in milliseconds since 1970 UTC. */
  forgetEndedBefore(moment: number): Promise<void>;
}
