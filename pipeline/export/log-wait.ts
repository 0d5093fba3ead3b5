import type { Look } from '../completeness/changes.ts';
import { type Lateness, type Source, type Sources, storedUpTo, watermarkOf } from '../completeness/sources.ts';
import { type JudgedEnds, judgeCompleteness } from '../completeness/verdict.ts';
import { isTemporary } from '../errors.ts';
import { isSamePartition, partitionName } from '../partition.ts';
import type { Clock, LogEnd } from '../ports.ts';
import { orAborted } from '../waiting.ts';
import { type ExportRecord, isFromReplay } from './request.ts';

/** The live log, and how much of it is stored. */
export interface LogView {
  /** Looks at the ends of all listed partitions now. Throws `SOURCE_UNREACHABLE`. */
  look(): Promise<Look>;
  sources(): Sources;
  /** Resolves at the next batch that is stored, or when the signal aborts. */
  nextBatch(signal: AbortSignal): Promise<void>;
}

interface LogWait {
  readonly log: LogView;
  /** Measures the wait; it never goes back. */
  readonly clock: Clock;
  /** The longest wait, in milliseconds. */
  readonly waitMs: number;
  readonly lateness: Lateness;
  readonly skewMs: number;
  /** Resolves after `milliseconds`, or when the signal aborts. Tests replace it. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** The outcome of the wait: what the export is judged by. */
export interface WaitOutcome {
  readonly ends: JudgedEnds;
  /**
   * The sources as the wait ended, before the snapshot is opened: what they vouch for is in the snapshot. Null where no
   * log is followed; the export is then judged by the sources in its snapshot.
   */
  readonly sources: Sources | null;
  /** The reason when the time was over first; null when the wait reached its goal. */
  readonly timedOut: string | null;
}

const checkEveryMs = 500;

/**
 * Waits until everything that the log held when the request was accepted is stored, or, with `wait=complete`, until the
 * window is complete; at most `waitMs` (contract 4.22). A log that could not be looked at when the request was accepted
 * is looked at as soon as it answers. Throws the signal's reason when it aborts.
 */
export async function waitForLog(record: ExportRecord, wait: LogWait, signal: AbortSignal): Promise<WaitOutcome> {
  const { parameters, look: first, timeTo } = record.plan;
  // The database of a replay does not grow.
  if (isFromReplay(record)) return withoutLog.wait();
  if (parameters.wait === 'none') return { ends: { from: 'latest look' }, sources: wait.log.sources(), timedOut: null };
  const deadline = wait.clock.now() + wait.waitMs;
  let ends = endsOf(first);
  const isReached = async (): Promise<boolean> => {
    if (ends.from === 'no answer') ends = endsOf(await throwWhenAborted(lookAt(wait.log), signal));
    if (ends.from !== 'own look') return false;
    if (parameters.wait === 'end') return isStoredOrVouched(ends.ends, timeTo, wait);
    return judge(record, ends, wait) === 'complete';
  };
  const reached = await until(isReached, { deadline, wait, signal });
  // Taken before the snapshot: the looks that count here are covered by every later snapshot.
  const sources = wait.log.sources();
  return { ends, sources, timedOut: reached ? null : describeTimeout(ends, wait) };
}

function endsOf(look: Pick<Look, 'at' | 'ends'> | null): JudgedEnds {
  return look === null ? { from: 'no answer' } : { from: 'own look', at: look.at, ends: look.ends };
}

/** Looks at the log; null when it does not answer. */
export async function lookAt(log: Pick<LogView, 'look'>): Promise<Look | null> {
  try {
    return await log.look();
  } catch (error) {
    if (!isTemporary(error)) throw error;
    return null;
  }
}

/**
 * True when each partition that this process reads is stored up to its high end at the look, or vouches for the window and
 * is stored up to its stable end: an open transaction then hides nothing that the window needs.
 */
function isStoredOrVouched(ends: readonly LogEnd[], timeTo: number, { log, lateness }: LogWait): boolean {
  const read = readNow(log);
  const byName = new Map(ends.map(end => [partitionName(end.partition), end]));
  const isEnough = (source: Source): boolean => {
    const end = byName.get(partitionName(source.partition));
    if (end === undefined) return true;
    const position = storedUpTo(source) ?? 0;
    const watermark = watermarkOf(source, lateness);
    return position >= end.high || (watermark !== null && watermark >= timeTo && position >= end.stable);
  };
  // While the group has assigned nothing yet, nothing that the log holds is known to be stored.
  return read.length > 0 && read.every(isEnough);
}

function readNow(log: LogView): readonly Source[] {
  return Array.from(log.sources().partitions.values()).filter(({ assignedAt }) => assignedAt !== null);
}

function judge({ plan }: ExportRecord, ends: JudgedEnds, { log, lateness, skewMs }: LogWait) {
  const { timeTo, parameters } = plan;
  const window = { timeFrom: parameters.timeFrom, timeTo, lateness, skewMs, splitServices: 0 };
  return judgeCompleteness({ ...window, ends, sources: log.sources() }).status;
}

/** Waits for a look. Throws the signal's reason when it aborts, because a frozen server answers late. */
async function throwWhenAborted(look: Promise<Look | null>, signal: AbortSignal): Promise<Look | null> {
  const seen = await orAborted(signal, look);
  if (seen === undefined) throw signal.reason;
  return seen;
}

interface Waiting {
  readonly deadline: number;
  readonly wait: LogWait;
  readonly signal: AbortSignal;
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
    await Promise.race([wait.log.nextBatch(roundSignal), wait.pause(Math.min(left, checkEveryMs), roundSignal)]);
    round.abort();
  }
}

function describeTimeout(ends: JudgedEnds, { log, waitMs }: LogWait): string {
  const behind = (ends.from === 'own look' ? ends.ends : []).filter(({ partition, high }) => {
    const source = readNow(log).find(read => isSamePartition(read.partition, partition));
    return source !== undefined && (storedUpTo(source) ?? 0) < high;
  });
  const names = behind.map(({ partition, high }) => `${partitionName(partition)} up to ${high}`);
  const otherGoal = ends.from === 'no answer' ? 'a look at the log' : 'the window to be complete';
  const goal = names.length === 0 ? otherGoal : names.join(', ');
  return `waited ${waitMs} ms without success for ${goal}`;
}

/** For commands that open the database without its log: there is nothing to look at and nothing to wait for. */
export const withoutLog = {
  lookAtLog: async (): Promise<Look | null> => null,
  wait: async (): Promise<WaitOutcome> => ({ ends: { from: 'latest look' }, sources: null, timedOut: null }),
};
