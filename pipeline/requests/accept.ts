import type { Look } from '../completeness/changes.ts';
import { TidemarkError } from '../errors.ts';
import { exportFileName, manifestFileName } from '../export/file-names.ts';
import { type ExportParameters, type Fault, type GivenParameters, readParameters } from '../export/parameters.ts';
import type { Asker, ControlPosition, ExportPlan, ExportRecord, RequestStore } from '../export/request.ts';
import { fileKinds } from '../export/selection.ts';
import type { ReplayReader } from '../export/snapshot.ts';
import type { Clock, ExportDirectory } from '../ports.ts';
import { requestIdFault, shortId } from './request-id.ts';
import { Semaphore } from './semaphore.ts';

export interface Acceptance {
  readonly store: RequestStore;
  readonly directory: ExportDirectory;
  readonly clock: Clock;
  /** Looks at the ends of the log; null when it does not answer or there is none. */
  readonly lookAtLog: () => Promise<Look | null>;
  readonly replays: Pick<ReplayReader, 'check'>;
}

/** A request before it is accepted. */
export interface IncomingRequest {
  readonly requestId: string;
  /** True when the id was generated for this request, so that no other request can have it. */
  readonly hasGeneratedId?: boolean;
  /** The parameters as given, before defaults. */
  readonly given: GivenParameters;
  readonly asker: Asker;
  /** Faults that were found before; the error lists them together with those found here. */
  readonly faults?: readonly Fault[];
  readonly control?: ControlPosition;
  /**
   * Called before a new request is recorded; throws when the queue is full. `running` means that it starts at once and is
   * recorded as running, which saves a transaction.
   */
  readonly admit?: () => 'accepted' | 'running';
}

/**
 * Checks and records a request: its window is fixed and its file names are reserved. A known id with the same parameters
 * returns the recorded request; with other parameters it throws `REQUEST_CONFLICT`. Throws `REQUEST_INVALID` naming every
 * fault, `PREFIX_REFUSED` for a prefix that leaves the export root, or as `ReplayReader.check` does.
 */
export function acceptExport(request: IncomingRequest, acceptance: Acceptance): Promise<ExportRecord> {
  return acceptInTurn(acceptance.store, () => acceptNext(request, acceptance));
}

/** Runs `work` while no request of the store is being accepted. */
export function acceptInTurn<T>(store: RequestStore, work: () => Promise<T>): Promise<T> {
  return semaphoreOf(store).run(work);
}

const semaphores = new WeakMap<RequestStore, Semaphore>();

/** Requests of one store are accepted one after the other; two at once could both find the same id unknown. */
function semaphoreOf(store: RequestStore): Semaphore {
  const semaphore = semaphores.get(store) ?? new Semaphore(1);
  semaphores.set(store, semaphore);
  return semaphore;
}

/** Gives back and removes what requests that have ended left in a directory that could not be written as they ended. */
export function releaseEnded({ store, directory }: Pick<Acceptance, 'store' | 'directory'>): Promise<void> {
  // No request is being accepted meanwhile: its names are reserved before it is recorded.
  return acceptInTurn(store, async () => {
    const unfinished = await store.unfinished();
    await directory.releaseAllBut(unfinished.map(({ requestId }) => requestId));
  });
}

async function acceptNext(request: IncomingRequest, acceptance: Acceptance): Promise<ExportRecord> {
  const { requestId, hasGeneratedId = false, given, asker, control, admit, faults = [] } = request;
  const { store, directory, clock, lookAtLog, replays } = acceptance;
  const known = hasGeneratedId ? null : await store.find(requestId);
  if (known !== null && faults.length === 0) {
    checkSame(known, given);
    if (control !== undefined) await store.repeat(requestId, control);
    return known;
  }
  const acceptedAt = clock.now();
  const read = readParameters(given, acceptedAt);
  const idFault = requestIdFault(requestId);
  const otherFaults = idFault === null ? faults : [...faults, { parameter: 'request_id', message: idFault }];
  if ('faults' in read || otherFaults.length > 0) {
    const parameterFaults = 'faults' in read ? read.faults : [];
    throw requestInvalid([...parameterFaults, ...otherFaults, ...(await prefixFaults(given, directory))]);
  }
  const { parameters } = read;
  const timeTo = parameters.timeTo ?? acceptedAt;
  const destination = await directory.resolve(parameters.filePrefix);
  if (parameters.fromReplay !== null) await replays.check(parameters.fromReplay);
  const look = parameters.wait === 'none' || parameters.fromReplay !== null ? null : await lookAtLog();
  const seen = look === null ? null : { at: look.at, ends: look.ends };
  const { stamp, names } = await reserveNames(requestId, { parameters, destination, acceptedAt }, directory);
  try {
    const plan: ExportPlan = { parameters, timeTo, stamp, destination, names, look: seen };
    const state = admit?.() ?? 'accepted';
    const notEnded = { endedAt: null, manifest: null, error: null, cancelledBy: null };
    const unread = { snapshotBatch: null, changedSince: null };
    const record: ExportRecord = { requestId, state, asker, acceptedAt, given, plan, ...notEnded, ...unread };
    await store.insert(record, control);
    return record;
  } catch (error) {
    await directory.release(destination, requestId, stamp).catch(() => undefined);
    throw error;
  }
}

/** The fault of the prefix, if any, so that it can be named together with the other faults. */
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

/**
 * Reserves the names of the first millisecond at or after acceptance that are free: no file has one of them, and no other
 * request, of this service or another one, has reserved them.
 */
async function reserveNames(
  requestId: string,
  wanted: Pick<ExportPlan, 'parameters' | 'destination'> & { readonly acceptedAt: number },
  directory: ExportDirectory,
): Promise<{ stamp: number; names: readonly string[] }> {
  const { parameters, destination, acceptedAt } = wanted;
  for (let stamp = acceptedAt; ; stamp += 1) {
    if (!(await directory.reserve(destination, requestId, stamp))) continue;
    const names = exportNames(parameters, destination.stem, stamp);
    // Looked at after the reservation, because another request gives its reservation back once its files are there.
    if (await directory.areFree(destination, names)) return { stamp, names };
    await directory.release(destination, requestId, stamp);
  }
}

function exportNames(parameters: ExportParameters, stem: string, stamp: number): readonly string[] {
  const names = fileKinds(parameters.format).map(kind => exportFileName(stem, stamp, kind, parameters));
  return parameters.manifest ? [...names.slice(0, -1), manifestFileName(stem, stamp), ...names.slice(-1)] : names;
}

/** Throws `REQUEST_CONFLICT` when a known request was made with other parameters. */
export function checkSame(known: Pick<ExportRecord, 'requestId' | 'given'>, given: GivenParameters): void {
  const canonical = (parameters: GivenParameters): string => JSON.stringify(Object.entries(parameters).sort());
  if (canonical(known.given) === canonical(given)) return;
  throw new TidemarkError(
    'REQUEST_CONFLICT',
    `request id ${JSON.stringify(shortId(known.requestId))} was used with other parameters: ${JSON.stringify(known.given)}; use a new id`,
  );
}

/** One error that names all faults. */
export function requestInvalid(faults: readonly Fault[]): TidemarkError {
  return new TidemarkError('REQUEST_INVALID', faults.map(({ message }) => message).join('; '));
}
