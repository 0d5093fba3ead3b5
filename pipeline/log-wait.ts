import { isConsumed, judgeCompleteness, type SeenEnds } from './completeness.ts';
import { TidemarkError } from './errors.ts';
import type { Clock, LogEnd, StoredPosition } from './ports.ts';
import type { ExportRecord } from './requests.ts';

/** What the export needs to know of the log: how far it reaches, and what of it is stored. */
export interface LogView {
  /** The partitions that are ours and how far each reaches now. Throws `SOURCE_UNREACHABLE`. */
  ends(): Promise<readonly LogEnd[]>;
  positions(): readonly StoredPosition[];
  /** Resolves at the next batch that is stored, or when the signal aborts. */
  nextBatch(signal: AbortSignal): Promise<void>;
}

export interface LogWait {
  readonly log: LogView;
  readonly clock: Clock;
  /** The longest wait. */
  readonly waitMs: number;
  readonly allowedLatenessMs: number;
  /** Resolves after so many milliseconds, or when the signal aborts. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** What an export may rely on when its snapshot is taken. */
export interface Waited {
  readonly seen: SeenEnds;
  /** Why waiting ended before what was waited for; null when it came. */
  readonly gaveUp: string | null;
}

const lookEveryMs = 500;

/**
 * Waits, within bounds, until all is stored that the log held when the request was accepted, or, where the request asks
 * for it, until the window is complete. Throws the signal's reason when it aborts.
 */
export async function waitForLog(record: ExportRecord, wait: LogWait, signal: AbortSignal): Promise<Waited> {
  const { plan, acceptedAt } = record;
  const atAcceptance: SeenEnds = { ends: plan.ends, at: acceptedAt };
  if (plan.parameters.wait === 'none') return { seen: atAcceptance, gaveUp: null };
  const deadline = wait.clock.now() + wait.waitMs;
  const reached = await until(() => isStored(atAcceptance, wait), { deadline, wait, signal });
  if (plan.parameters.wait === 'end')
    return { seen: atAcceptance, gaveUp: reached ? null : gaveUp(atAcceptance, wait) };
  return waitForComplete(record, { atAcceptance, deadline, wait, signal });
}

interface Waiting {
  readonly deadline: number;
  readonly wait: LogWait;
  readonly signal: AbortSignal;
}

async function waitForComplete(
  { plan }: ExportRecord,
  { atAcceptance, ...waiting }: Waiting & { readonly atAcceptance: SeenEnds },
): Promise<Waited> {
  const { log, clock, allowedLatenessMs } = waiting.wait;
  let seen = atAcceptance;
  const complete = await until(async () => {
    const input = { timeTo: plan.timeTo, allowedLatenessMs, splitServices: 0, lostRecords: 0 };
    if (judgeCompleteness({ ...input, positions: log.positions(), seen }).status === 'complete') return true;
    seen = await lookAt(log, clock);
    return judgeCompleteness({ ...input, positions: log.positions(), seen }).status === 'complete';
  }, waiting);
  return { seen, gaveUp: complete ? null : gaveUp(seen, waiting.wait) };
}

/** How far the log reaches now; unknown while it cannot be reached. */
export async function lookAt(log: LogView, clock: Clock): Promise<SeenEnds> {
  try {
    return { ends: await log.ends(), at: clock.now() };
  } catch (error) {
    if (!(error instanceof TidemarkError) || !error.retry) throw error;
    return { ends: null, at: clock.now() };
  }
}

async function isStored({ ends }: SeenEnds, { log }: LogWait): Promise<boolean> {
  return ends?.every(end => isConsumed(end, log.positions())) ?? true;
}

async function until(holds: () => Promise<boolean>, { deadline, wait, signal }: Waiting): Promise<boolean> {
  for (;;) {
    signal.throwIfAborted();
    if (await holds()) return true;
    const left = deadline - wait.clock.now();
    if (left <= 0) return false;
    const looked = new AbortController();
    const soon = AbortSignal.any([signal, looked.signal]);
    await Promise.race([wait.log.nextBatch(soon), wait.pause(Math.min(left, lookEveryMs), soon)]);
    looked.abort();
  }
}

function gaveUp({ ends }: SeenEnds, { log, waitMs }: LogWait): string {
  const behind = (ends ?? []).filter(end => !isConsumed(end, log.positions()));
  const names = behind.map(({ partition: { topic, partition }, high }) => `${topic}/${partition} up to ${high}`);
  const what = names.length === 0 ? 'the window to be complete' : names.join(', ');
  return `waited ${waitMs} ms in vain for ${what}`;
}

/** For a database without its log: there is nothing to look at or to wait for. */
export function withoutLog(clock: Clock) {
  return {
    lookAtLog: async (): Promise<SeenEnds> => ({ ends: null, at: clock.now() }),
    wait: async ({ acceptedAt }: ExportRecord): Promise<Waited> => ({
      seen: { ends: null, at: acceptedAt },
      gaveUp: null,
    }),
  };
}
