import type { Look } from '../../pipeline/completeness/changes.ts';
import type { Source, Sources } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { type LogView, lookAt, waitForLog } from '../../pipeline/export/log-wait.ts';
import type { ExportRecord } from '../../pipeline/export/request.ts';
import { followedTopic, liveSource, sourcesOf } from './event-sources.ts';

const partition = { topic: 'calls', partition: 0 };

/** A log and a clock that move only when the wait lets time pass: each pause is a step of the story. */
export class Story implements LogView {
  now: number;
  /** The ends of the log; the last stable offset is the end where no transaction is open. */
  high = 10;
  stable: number | null = null;
  stored = 0;
  vouchedAt: number | null = null;
  isAssigned = true;
  isAway = false;
  /** Partitions besides the one that is read. */
  others: readonly Source[] = [];
  /** What happens at each pause, one after the other. */
  steps: (() => void)[] = [];
  readonly pauses: number[] = [];
  looks = 0;

  constructor(now: number) {
    this.now = now;
  }

  async look(): Promise<Look> {
    this.looks += 1;
    if (this.isAway) throw new TidemarkError('SOURCE_UNREACHABLE', 'it is away');
    const end = { partition, low: 0, stable: this.stable ?? this.high, high: this.high };
    return { at: this.now, ends: [end], topics: new Map([['calls', 1]]) };
  }

  sources(): Sources {
    const { stored, vouchedAt } = this;
    const read = { nextOffset: stored, vouchedAt, assignedAt: this.isAssigned ? 0 : null };
    const topics = [followedTopic({ listedAt: vouchedAt })];
    return sourcesOf([liveSource(0, read), ...this.others], { topics });
  }

  nextBatch(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  pause = async (milliseconds: number): Promise<void> => {
    this.pauses.push(milliseconds);
    this.now += milliseconds;
    this.steps.shift()?.();
  };
}

interface Given {
  readonly timeTo?: number;
  /** True when the log did not answer as the request was accepted. */
  readonly lookFailed?: boolean;
  readonly latenessMs?: number;
}

/** Waits with a limit of 2 s, as an export that was accepted at `now` does. */
export async function waitAs(story: Story, how: 'end' | 'complete' | 'none', given: Given = {}, signal?: AbortSignal) {
  const look = await lookAt(story);
  const acceptedAt = story.now;
  const parameters = { wait: how, timeFrom: acceptedAt - 3_600_000 };
  const plan = { parameters, timeTo: given.timeTo ?? acceptedAt, look: given.lookFailed ? null : look };
  // Nothing else of a request is looked at.
  const record = { acceptedAt, plan } as unknown as ExportRecord;
  const lateness = { allowedMs: given.latenessMs ?? 0, clockMs: 0 };
  const waiting = { log: story, clock: { now: () => story.now }, waitMs: 2_000, lateness, skewMs: 0 };
  return waitForLog(record, { ...waiting, pause: story.pause }, signal ?? new AbortController().signal);
}
