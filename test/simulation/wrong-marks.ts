import type { Contradiction, ServiceTimes, WatchedWindow } from '../../pipeline/completeness/contradictions.ts';
import type { Timeline } from '../../pipeline/completeness/timeline.ts';
import { type NamedMistake, seam } from './mistake.ts';
import type { Wrong } from './replaceable.ts';

type TimelineEvent = Parameters<Parameters<Timeline['forEach']>[0]>[0];

/** What a wrong rule may look at. */
interface Effect {
  readonly event: TimelineEvent;
  readonly window: WatchedWindow;
  readonly before: ServiceTimes;
  readonly after: ServiceTimes;
  /** Whether the window selects the service before and after the event. */
  readonly was: boolean;
  readonly is: boolean;
  /** True for an event before `time_to`, or without a time; never for a deletion. */
  readonly isEarly: boolean;
}

/** Marks by a rule of its own, in place of the real one: an event is `early` and of a selected service, or moves one. */
function markedWhen(contradicts: (effect: Effect) => boolean): Wrong {
  return {
    findContradictions: () => (timeline, storedTimes, windows) => {
      const noTimes: ServiceTimes = { start: null, end: null };
      const times = new Map<string, ServiceTimes>();
      const found = new Map<WatchedWindow, { offset: number; services: Set<string> }>();
      timeline.forEach((event, serviceId) => {
        const before = times.get(serviceId) ?? storedTimes(serviceId) ?? noTimes;
        const after = timesAfter(event, before);
        times.set(serviceId, after);
        for (const window of windows.holding(before, after)) {
          const [was, is] = [isSelected(before, window), isSelected(after, window)];
          const isEarly = event.sets !== 'deletion' && (event.time === null || event.time < window.timeTo);
          if (!contradicts({ event, window, before, after, was, is, isEarly })) continue;
          const known = found.get(window) ?? { offset: event.offset, services: new Set() };
          found.set(window, { ...known, services: known.services.add(serviceId) });
        }
      });
      return Array.from(
        found,
        ([{ requestId }, { offset, services }]): Contradiction => ({ requestId, offset, services: services.size }),
      );
    },
  };
}

/** The rule of the contract. */
function isContradiction({ was, is, isEarly }: Effect): boolean {
  return was !== is || (isEarly && (was || is));
}

function timesAfter({ sets, time }: TimelineEvent, before: ServiceTimes): ServiceTimes {
  if (sets === 'deletion') return { start: null, end: null };
  if (sets === 'start') return { ...before, start: time };
  return sets === 'end' ? { ...before, end: time } : before;
}

function isSelected({ start, end }: ServiceTimes, { timeFrom, timeTo, filterEvents }: WatchedWindow): boolean {
  const holds = (time: number | null): boolean => time !== null && time >= timeFrom && time < timeTo;
  return (filterEvents !== 'completed' && holds(start)) || (filterEvents !== 'started' && holds(end));
}

/** Contradictions that leave no mark, or another. */
export const wrongMarks: readonly NamedMistake[] = [
  seam('the verdict is read after the snapshot', 'the verdict is read after the snapshot'),
  seam('a batch stored before the snapshot marks it too', 'batches before the snapshot mark too'),
  seam('a batch stored before the verdict is recorded marks nothing', 'a window is watched from the record on'),
  {
    name: 'a deletion marks nothing',
    wrong: markedWhen(effect => effect.event.sets !== 'deletion' && isContradiction(effect)),
  },
  {
    name: 'a moved start or end marks nothing',
    wrong: markedWhen(({ event, is, was, isEarly }) => (event.sets === 'deletion' ? was : isEarly && is)),
  },
  {
    name: 'an event without a time marks nothing',
    wrong: markedWhen(effect =>
      effect.event.time === null && effect.event.sets !== 'deletion' ? false : isContradiction(effect),
    ),
  },
  {
    name: 'only the row before an event counts',
    wrong: markedWhen(({ event, was, isEarly }) => was && (isEarly || event.sets === 'deletion')),
  },
  {
    name: 'only times inside the window mark',
    wrong: markedWhen(
      ({ event, window, was, is, isEarly }) =>
        was !== is || (isEarly && is && (event.time === null || event.time >= window.timeFrom)),
    ),
  },
  {
    name: 'filter_state plays a part',
    // As an export of active services would have it.
    wrong: markedWhen(effect => isContradiction(effect) && (effect.after.end === null || effect.before.end === null)),
  },
  seam('ingest marks nothing', 'ingest marks nothing'),
  seam('windows are forgotten at a restart', 'windows are forgotten at a restart'),
  {
    name: 'off by one: only events before time_to - 1 mark',
    wrong: markedWhen(effect => isContradiction(effect) && effect.event.time !== effect.window.timeTo - 1),
  },
];
