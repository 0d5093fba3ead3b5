import type { ControlPosition, RequestStore } from '../export/request.ts';
import type { Clock } from '../ports.ts';
import { acceptInTurn, checkSame, type IncomingRequest, requestInvalid } from './accept.ts';
import { readReplayParameters } from './replay-parameters.ts';
import type { ReplayPlan, ReplayRecord, ReplayStore } from './replay-request.ts';
import { requestIdFault } from './request-id.ts';

/** A replay before it is accepted. */
export interface IncomingReplay extends Pick<IncomingRequest, 'requestId' | 'given' | 'asker' | 'faults'> {
  readonly control?: ControlPosition;
  /** Called before a new request is recorded; throws when the queue is full. */
  readonly admit?: () => void;
}

export interface ReplayAcceptance {
  readonly store: ReplayStore;
  /** The requests with which replays share their ids. */
  readonly exports: RequestStore;
  readonly clock: Clock;
  /** The log that is read, and the name of the database that is made of it: a new one at each call. */
  readonly planOf: (requestId: string) => Pick<ReplayPlan, 'paths' | 'file'>;
}

/**
 * Checks and records a request for a replay. A known id with the same parameters returns the recorded request; with other
 * parameters, or where an export has it, this throws `REQUEST_CONFLICT`. Throws `REQUEST_INVALID` naming every fault.
 */
export function acceptReplay(request: IncomingReplay, acceptance: ReplayAcceptance): Promise<ReplayRecord> {
  return acceptInTurn(acceptance.exports, () => acceptNext(request, acceptance));
}

async function acceptNext(request: IncomingReplay, acceptance: ReplayAcceptance): Promise<ReplayRecord> {
  const { requestId, given, asker, control, admit, faults = [] } = request;
  const { store, clock, planOf } = acceptance;
  const known = await store.find(requestId);
  if (known !== null && faults.length === 0) {
    checkSame(known, given);
    if (control !== undefined) await store.repeat(requestId, control);
    return known;
  }
  const read = readReplayParameters(given);
  const idFault = requestIdFault(requestId);
  const idFaults = idFault === null ? [] : [{ parameter: 'request_id', message: idFault }];
  if ('faults' in read || faults.length + idFaults.length > 0)
    throw requestInvalid([...('faults' in read ? read.faults : []), ...faults, ...idFaults]);
  admit?.();
  const record: ReplayRecord = {
    ...{ requestId, state: 'accepted', asker, acceptedAt: clock.now(), endedAt: null, given },
    plan: { ...read.places, ...planOf(requestId) },
    ...{ progress: null, error: null, cancelledBy: null, usedAt: null, droppedAt: null },
  };
  await store.insert(record, control);
  return record;
}
