import { isAllStored, judgeCompleteness, type SeenEnds } from '../completeness/verdict.ts';
import { isTemporary } from '../errors.ts';
import { partitionName } from '../partition.ts';
import type { Clock, LogEnd, StoredPosition } from '../ports.ts';
import { orAborted } from '../waiting.ts';
import type { ExportRecord } from './request.ts';

/** How far the log reaches, and how much of it is stored. */
export interface LogView {
  /** How far each assigned partition reaches now. Throws `SOURCE_UNREACHABLE`. */
  ends(): Promise<readonly LogEnd[]>;
  positions(): readonly StoredPosition[];
  /** Resolves at the next batch that is stored, or when the signal aborts. */
  nextBatch(signal: AbortSignal): Promise<void>;
}

interface LogWait {
  readonly log: LogView;
  readonly clock: Clock;
  /** The longest wait, in milliseconds. */
  readonly waitMs: number;
  readonly allowedLatenessMs: number;
  /** Resolves after `milliseconds`, or when the signal aborts. Tests replace it. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The outcome of the wait. */
export interface WaitOutcome {
  readonly seen: SeenEnds;
  /** The reason when the time was over first; null when the wait reached its goal. */
  readonly timedOut: string | null;
}

const lookEveryMs = 500;

/**
 * Waits until everything that the log held when the request was accepted is stored, or, with `wait=complete`, until the
 * window is complete; at most `waitMs`. A log that could not be looked at when the request was accepted is looked at as
 * soon as it answers. Throws the signal's reason when it aborts.
 */
export async function waitForLog(record: ExportRecord, wait: LogWait, signal: AbortSignal): Promise<WaitOutcome> {
  const { plan, acceptedAt } = record;
  let seen: SeenEnds = { ends: plan.ends, at: acceptedAt, lookFailed: plan.ends === null };
  if (plan.parameters.wait === 'none') return { seen, timedOut: null };
  const deadline = wait.clock.now() + wait.waitMs;
  const isStored = async (): Promise<boolean> => {
    if (seen.ends === null) seen = await throwWhenAborted(lookAt(wait.log, wait.clock), signal);
    return seen.ends?.every(end => isAllStored(end, wait.log.positions())) ?? false;
  };
  const reached = await until(isStored, { deadline, wait, signal });
  if (plan.parameters.wait === 'end') return { seen, timedOut: reached ? null : describeTimeout(seen, wait) };
  return waitForComplete(record, { first: seen, deadline, wait, signal });
}

interface Waiting {
  readonly deadline: number;
  readonly wait: LogWait;
  readonly signal: AbortSignal;
}

async function waitForComplete(
  { plan }: ExportRecord,
  { first, ...waiting }: Waiting & { readonly first: SeenEnds },
): Promise<WaitOutcome> {
  const { log, clock, allowedLatenessMs } = waiting.wait;
  let seen = first;
  const complete = await until(async () => {
    const input = { timeTo: plan.timeTo, allowedLatenessMs, splitServices: 0, lostRecords: 0 };
    if (judgeCompleteness({ ...input, positions: log.positions(), seen }).status === 'complete') return true;
    seen = await throwWhenAborted(lookAt(log, clock), waiting.signal);
    return judgeCompleteness({ ...input, positions: log.positions(), seen }).status === 'complete';
  }, waiting);
  return { seen, timedOut: complete ? null : describeTimeout(seen, waiting.wait) };
}

/** Asks the log how far it reaches; `ends` is null when it does not answer. */
export async function lookAt(log: LogView, clock: Clock): Promise<SeenEnds> {
  try {
    return { ends: await log.ends(), at: clock.now() };
  } catch (error) {
    if (!isTemporary(error)) throw error;
    return { ends: null, at: clock.now(), lookFailed: true };
  }
}

/** Waits for a look. Throws the signal's reason when it aborts, because a frozen server answers late. */
async function throwWhenAborted(look: Promise<SeenEnds>, signal: AbortSignal): Promise<SeenEnds> {
  const seen = await orAborted(signal, look);
  if (seen === undefined) throw signal.reason;
  return seen;
}

/** Checks `holds` after each stored batch and every 500 ms. Returns true when it holds, false at the deadline. */
async function until(holds: () => Promise<boolean>, { deadline, wait, signal }: Waiting): Promise<boolean> {
  for (;;) {
    signal.throwIfAborted();
    if (await holds()) return true;
    const left = deadline - wait.clock.now();
    if (left <= 0) return false;
    const round = new AbortController();
    const roundSignal = AbortSignal.any([signal, round.signal]);
    await Promise.race([wait.log.nextBatch(roundSignal), wait.pause(Math.min(left, lookEveryMs), roundSignal)]);
    round.abort();
  }
}

function describeTimeout({ ends }: SeenEnds, { log, waitMs }: LogWait): string {
  const behind = (ends ?? []).filter(end => !isAllStored(end, log.positions()));
  const names = behind.map(({ partition, high }) => `${partitionName(partition)} up to ${high}`);
  const otherGoal = ends === null ? 'a look at the log' : 'the window to be complete';
  const goal = names.length === 0 ? otherGoal : names.join(', ');
  return `waited ${waitMs} ms without success for ${goal}`;
}

/** For commands that open the database without its log: there is nothing to look at and nothing to wait for. */
export function withoutLog(clock: Clock) {
  return {
    lookAtLog: async (): Promise<SeenEnds> => ({ ends: null, at: clock.now() }),
    wait: async ({ acceptedAt }: ExportRecord): Promise<WaitOutcome> => ({
      seen: { ends: null, at: acceptedAt },
      timedOut: null,
    }),
  };
}
