import type { Timeline } from './timeline.ts';

/** The window of an export that was judged complete, or is being judged. */
export interface WatchedWindow {
  readonly requestId: string;
  /** `[timeFrom, timeTo)`, in milliseconds since 1970 UTC. */
  readonly timeFrom: number;
  readonly timeTo: number;
  readonly filterEvents: 'any' | 'started' | 'completed';
}

/** The times of a service by which it is selected; null where it has none. */
export interface ServiceTimes {
  readonly start: number | null;
  readonly end: number | null;
}

/** How a batch contradicts one export. */
export interface Contradiction {
  readonly requestId: string;
  /** Offset of the first event that does. */
  readonly offset: number;
  /** How many services its events concern. */
  readonly services: number;
}

const noTimes: ServiceTimes = { start: null, end: null };

/**
 * Finds the exports that the events of a batch contradict (contract 4.29). An event does when it changes which services
 * the window and `filter_events` select, or when its time is before `time_to` (or it has none) and its service is
 * selected before or after it. A deletion has no time: it counts only as a change of the selection. `storedTimes` returns
 * a service's times before the batch.
 */
export function findContradictions(
  timeline: Timeline,
  storedTimes: (serviceId: string) => ServiceTimes | undefined,
  windows: WindowIndex,
): readonly Contradiction[] {
  const times = new Map<string, ServiceTimes>();
  const found = new Map<WatchedWindow, { readonly offset: number; readonly services: Set<string> }>();
  timeline.forEach((event, serviceId) => {
    const before = times.get(serviceId) ?? storedTimes(serviceId) ?? noTimes;
    const after = timesAfter(event, before);
    times.set(serviceId, after);
    for (const window of windows.holding(before, after)) {
      if (!contradicts(event, { before, after, window })) continue;
      const known = found.get(window) ?? { offset: event.offset, services: new Set() };
      known.services.add(serviceId);
      found.set(window, known);
    }
  });
  return Array.from(found, ([{ requestId }, { offset, services }]) => ({ requestId, offset, services: services.size }));
}

type TimelineEvent = Parameters<Parameters<Timeline['forEach']>[0]>[0];

interface Effect {
  readonly before: ServiceTimes;
  readonly after: ServiceTimes;
  readonly window: WatchedWindow;
}

function contradicts({ sets, time }: TimelineEvent, { before, after, window }: Effect): boolean {
  const was = isSelected(before, window);
  const is = isSelected(after, window);
  if (was !== is) return true;
  return sets !== 'deletion' && is && (time === null || time < window.timeTo);
}

function timesAfter({ sets, time }: TimelineEvent, before: ServiceTimes): ServiceTimes {
  if (sets === 'deletion') return noTimes;
  if (sets === 'start') return { ...before, start: time };
  return sets === 'end' ? { ...before, end: time } : before;
}

/** Whether the window selects a service with these times, whatever its state (contract 3.2, 3.4). */
function isSelected({ start, end }: ServiceTimes, window: WatchedWindow): boolean {
  const holds = (time: number | null): boolean => time !== null && time >= window.timeFrom && time < window.timeTo;
  const { filterEvents } = window;
  return (filterEvents !== 'completed' && holds(start)) || (filterEvents !== 'started' && holds(end));
}

/**
 * Finds the windows that hold a time; there may be tens of thousands. They lie in the order of their beginnings, as a
 * balanced tree: the middle of a range of them is its root. Each root knows the latest end below it, so that a search
 * visits only what it finds and the way there.
 */
export class WindowIndex {
  readonly #windows: readonly WatchedWindow[];
  /** By the place of a root: the latest `time_to` in its range. */
  readonly #latestEnds: Float64Array;
  /** The latest `time_to`; minus infinity without a window. */
  readonly latestTimeTo: number;

  constructor(windows: readonly WatchedWindow[]) {
    this.#windows = windows.toSorted((one, other) => one.timeFrom - other.timeFrom);
    this.#latestEnds = new Float64Array(windows.length);
    this.latestTimeTo = this.#noteLatestEnds(0, windows.length);
  }

  /** The windows that hold one of the times of a service, before or after an event. */
  holding(before: ServiceTimes, after: ServiceTimes): Iterable<WatchedWindow> {
    const found = new Set<WatchedWindow>();
    for (const time of new Set([after.start, after.end, before.start, before.end]))
      if (time !== null && time < this.latestTimeTo) this.#find(time, { low: 0, high: this.#windows.length }, found);
    return found;
  }

  #noteLatestEnds(low: number, high: number): number {
    if (low >= high) return Number.NEGATIVE_INFINITY;
    const root = (low + high) >>> 1;
    const latest = Math.max(
      this.#windows[root]!.timeTo,
      this.#noteLatestEnds(low, root),
      this.#noteLatestEnds(root + 1, high),
    );
    this.#latestEnds[root] = latest;
    return latest;
  }

  #find(time: number, { low, high }: { low: number; high: number }, found: Set<WatchedWindow>): void {
    const root = (low + high) >>> 1;
    if (low >= high || this.#latestEnds[root]! <= time) return;
    this.#find(time, { low, high: root }, found);
    const window = this.#windows[root]!;
    // All windows to the right begin later.
    if (window.timeFrom > time) return;
    if (time < window.timeTo) found.add(window);
    this.#find(time, { low: root + 1, high }, found);
  }
}
