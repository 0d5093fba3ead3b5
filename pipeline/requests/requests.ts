import type { SeenEnds } from '../completeness/verdict.ts';
import { type FailureCode, TidemarkError } from '../errors.ts';
import { exportFileName, manifestFileName } from '../export/file-names.ts';
import type { Manifest } from '../export/manifest.ts';
import { type ExportParameters, type Fault, type GivenParameters, readParameters } from '../export/parameters.ts';
import { fileKinds } from '../export/selection.ts';
import type { Clock, Destination, ExportDirectory, LogEnd, LostRecords, PartitionId, Position } from '../ports.ts';
import { Turns } from './semaphore.ts';

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

export interface Acceptance {
  readonly store: RequestStore;
  readonly directory: ExportDirectory;
  readonly clock: Clock;
  /** How far the log reaches now; null where there is none to ask. */
  readonly lookAtLog: () => Promise<SeenEnds>;
}

export interface AcceptedRequest {
  readonly requestId: string;
  /** The id was made for this request alone: nobody can have used it before. */
  readonly hasOwnId?: boolean;
  /** As given, before defaults. */
  readonly given: GivenParameters;
  readonly asker: Asker;
  /** What its door found wrong, to be named together with the other faults. */
  readonly faults?: readonly Fault[];
  readonly control?: ControlPosition;
  /**
   * Called before a new request is recorded; throws when there is no room for it. `running`: it begins at once, and is
   * recorded so, which saves a transaction.
   */
  readonly admit?: () => 'accepted' | 'running';
}

/**
 * Checks a request and records it: from here on its names are its own, and its window is fixed.
 * A known id with the same parameters gives the recorded request; with other ones it throws `REQUEST_CONFLICT`.
 * Throws `REQUEST_INVALID` naming every fault at once, `PREFIX_REFUSED` for a prefix that leaves the export root.
 */
export function acceptExport(request: AcceptedRequest, acceptance: Acceptance): Promise<ExportRecord> {
  return acceptingOf(acceptance.store).run(() => acceptNext(request, acceptance));
}

const accepting = new WeakMap<RequestStore, Turns>();

/** Requests of one store are accepted one after the other: two at once would be promised the same names. */
function acceptingOf(store: RequestStore): Turns {
  const turns = accepting.get(store) ?? new Turns(1);
  accepting.set(store, turns);
  return turns;
}

async function acceptNext(request: AcceptedRequest, acceptance: Acceptance): Promise<ExportRecord> {
  const { requestId, hasOwnId = false, given, asker, control, admit, faults = [] } = request;
  const { store, directory, clock, lookAtLog } = acceptance;
  const known = hasOwnId ? null : await store.find(requestId);
  if (known !== null && faults.length === 0) {
    checkSame(known, given);
    if (control !== undefined) await store.repeat(requestId, control);
    return known;
  }
  const acceptedAt = clock.now();
  const read = readParameters(given, acceptedAt);
  if ('faults' in read || faults.length > 0) {
    const meant = 'faults' in read ? read.faults : [];
    throw requestInvalid([...meant, ...faults, ...(await prefixFaults(given, directory))]);
  }
  const { parameters } = read;
  const timeTo = parameters.timeTo ?? acceptedAt;
  const destination = await directory.resolve(parameters.filePrefix);
  const [{ stamp, names }, { ends }] = await Promise.all([
    freeNames(parameters, destination, acceptedAt, acceptance),
    lookAtLog(),
  ]);
  const plan: ExportPlan = { parameters, timeTo, stamp, destination, names, ends };
  const state = admit?.() ?? 'accepted';
  const open = { endedAt: null, manifest: null, error: null, cancelledBy: null };
  const record: ExportRecord = { requestId, state, asker, acceptedAt, given, plan, ...open };
  await store.insert(record, control);
  return record;
}

/** What is wrong with the prefix, so that it can be named together with the other faults. */
async function prefixFaults({ file_prefix }: GivenParameters, directory: ExportDirectory): Promise<readonly Fault[]> {
  if (file_prefix === undefined || file_prefix === '') return [];
  try {
    await directory.resolve(file_prefix);
    return [];
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'PREFIX_REFUSED') throw error;
    return [{ parameter: 'file_prefix', message: error.message }];
  }
}

/** The first millisecond from the moment of acceptance whose names neither exist nor are promised to another request. */
async function freeNames(
  parameters: ExportParameters,
  destination: Destination,
  acceptedAt: number,
  { store, directory }: Acceptance,
): Promise<{ stamp: number; names: readonly string[] }> {
  const others = (await store.unfinished()).filter(({ plan }) => plan.destination.folder === destination.folder);
  const promised = new Set(others.flatMap(({ plan }) => plan.names));
  for (let stamp = acceptedAt; ; stamp += 1) {
    const names = exportNames(parameters, destination.stem, stamp);
    if (names.every(name => !promised.has(name)) && (await directory.areFree(destination, names)))
      return { stamp, names };
  }
}

function exportNames(parameters: ExportParameters, stem: string, stamp: number): readonly string[] {
  const names = fileKinds(parameters.format).map(kind => exportFileName(stem, stamp, kind, parameters));
  return parameters.manifest ? [...names.slice(0, -1), manifestFileName(stem, stamp), ...names.slice(-1)] : names;
}

function checkSame(known: ExportRecord, given: GivenParameters): void {
  const canonical = (parameters: GivenParameters): string => JSON.stringify(Object.entries(parameters).sort());
  if (canonical(known.given) === canonical(given)) return;
  throw new TidemarkError(
    'REQUEST_CONFLICT',
    `request id ${JSON.stringify(known.requestId)} was used with other parameters: ${JSON.stringify(known.given)}; use a new id`,
  );
}

function requestInvalid(faults: readonly Fault[]): TidemarkError {
  return new TidemarkError('REQUEST_INVALID', faults.map(({ message }) => message).join('; '));
}
