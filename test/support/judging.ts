import { expect } from 'vitest';
import type { Source, Sources } from '../../pipeline/completeness/sources.ts';
import { type Completeness, judgeCompleteness } from '../../pipeline/completeness/verdict.ts';
import { liveSource, sourcesOf } from './event-sources.ts';

type Judged = Parameters<typeof judgeCompleteness>[0];

/** The window that is judged. */
export const timeTo = Date.parse('2026-03-01T10:00:00.000Z');
export const timeFrom = timeTo - 3_600_000;
const latenessMs = 10_000;
const lateness = { allowedMs: 0, clockMs: latenessMs };
/** The earliest clock of a look after which the window is complete: 10:00:10. */
export const enough = timeTo + latenessMs;

/** Judges a window of an hour before 10:00, with a lateness of clocks of 10 s, without a look of its own. */
export function judgeAll(
  all: readonly Source[],
  changes: Partial<Judged> = {},
  rest: Partial<Sources> = {},
): Completeness {
  const window = { timeFrom, timeTo, lateness, skewMs: 0, splitServices: 0 };
  return judgeCompleteness({ sources: sourcesOf(all, rest), ends: { from: 'latest look' }, ...window, ...changes });
}

/** A partition that this process reads, with the clock of the latest look whose end is stored. */
export const read = (vouchedAt: number | null, changes: Partial<Source> = {}): Source =>
  liveSource(0, { vouchedAt, ...changes });

export const endOf = (partition: number, stable: number, high = stable) => ({
  partition: { topic: 'calls', partition },
  ...{ low: 0, stable, high },
});

export const ownLook = (...ends: readonly ReturnType<typeof endOf>[]) =>
  ({ from: 'own look', at: timeTo, ends }) as const;

/** What is expected of a complete window. */
export const complete = (...vouchedBy: readonly string[]) => ({ status: 'complete', reasons: [], vouchedBy });

/** What is expected of a provisional window. */
export const provisional = (...reasons: readonly RegExp[]) => ({
  status: 'provisional',
  reasons: reasons.map(reason => expect.stringMatching(reason)),
  vouchedBy: [],
});
