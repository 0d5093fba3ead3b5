import { describe, expect, test } from 'vitest';
import {
  findContradictions,
  type ServiceTimes,
  type WatchedWindow,
  WindowIndex,
} from '../../../pipeline/completeness/contradictions.ts';
import { Timeline } from '../../../pipeline/completeness/timeline.ts';
import { seededRandom } from '../../support/random.ts';

type Sets = 'start' | 'end' | 'deletion' | null;
type Step = readonly [sets: Sets, time: number | null];

const windowOf = (changes: Partial<WatchedWindow> = {}): WatchedWindow => ({
  ...{ requestId: 'one', timeFrom: 100, timeTo: 200, filterEvents: 'any' },
  ...changes,
});

/** Events of one service `s`, from offset 0 on. */
function found(stored: Partial<ServiceTimes> | null, steps: readonly Step[], windows = [windowOf()]) {
  const timeline = new Timeline();
  for (const [offset, [sets, time]] of steps.entries()) timeline.add('s', offset, time, sets);
  const times = stored === null ? undefined : { start: null, end: null, ...stored };
  return findContradictions(timeline, id => (id === 's' ? times : undefined), new WindowIndex(windows));
}

const contradicted = (offset = 0) => [{ requestId: 'one', offset, services: 1 }];

describe('an event contradicts when it changes which services the window selects (contract 4.29)', () => {
  test.each<[string, Partial<ServiceTimes> | null, Step]>([
    ['a new service starts in it', null, ['start', 150]],
    ['its first millisecond', null, ['start', 100]],
    ['its last millisecond', null, ['start', 199]],
    ['a service that began before it ends in it', { start: 50 }, ['end', 150]],
    ['a start moves into it', { start: 50 }, ['start', 150]],
    ['a start moves out of it, to the future', { start: 150 }, ['start', 500]],
    ['a start moves out of it, to the past', { start: 150 }, ['start', 99]],
    ['a start moves out of it, to exactly its end', { start: 150 }, ['start', 200]],
    ['an end moves out of it, to the future', { start: 50, end: 150 }, ['end', 500]],
    ['a service in it is deleted', { start: 150 }, ['deletion', null]],
    ['a service that ended in it is deleted', { start: 50, end: 150 }, ['deletion', null]],
  ])('%s', (_, stored, step) => {
    expect(found(stored, [step])).toEqual(contradicted());
  });
});

describe('an event contradicts when its time is before the end of the window and its service is selected (contract 4.29)', () => {
  test.each<[string, Partial<ServiceTimes>, Step]>([
    ['of a state or task, in the window', { start: 150 }, [null, 150]],
    ['before the window', { start: 150 }, [null, 1]],
    ['a millisecond before its end', { start: 150 }, [null, 199]],
    ['without any time, which counts as before', { start: 150 }, [null, null]],
    ['that sets the same start again', { start: 150 }, ['start', 150]],
    ['that moves the start within the window', { start: 150 }, ['start', 160]],
    ['that ends the service in the window', { start: 150 }, ['end', 160]],
    ['of a service that is selected by its end only', { start: 50, end: 150 }, [null, 60]],
  ])('%s', (_, stored, step) => {
    expect(found(stored, [step])).toEqual(contradicted());
  });
});

describe('an event contradicts nothing (contract 4.29)', () => {
  test.each<[string, Partial<ServiceTimes> | null, Step]>([
    ['of a service outside of the window', { start: 50 }, [null, 150]],
    ['of a new service outside of it', null, ['start', 200]],
    ['of a new service before it', null, ['start', 99]],
    ['of an unknown service without start and end', null, [null, 150]],
    ['a later state of a selected service, at exactly the end of the window', { start: 150 }, [null, 200]],
    ['a later end of a selected service', { start: 150 }, ['end', 200]],
    ['a start that moves from one place outside to another', { start: 50 }, ['start', 500]],
    ['a deletion of a service outside', { start: 50, end: 500 }, ['deletion', null]],
    ['a deletion of an unknown service', null, ['deletion', null]],
  ])('%s', (_, stored, step) => {
    expect(found(stored, [step])).toEqual([]);
  });
});

describe('filter_events decides by which time a service is selected (contract 4.29)', () => {
  test.each<[WatchedWindow['filterEvents'], Partial<ServiceTimes>, Step, boolean]>([
    ['started', { start: 50 }, ['end', 150], false],
    ['started', { start: 150 }, ['end', 160], true],
    ['completed', { start: 150 }, [null, 160], false],
    ['completed', { start: 150 }, ['end', 160], true],
    ['completed', { start: 150 }, ['end', 500], false],
    ['completed', { start: 50, end: 150 }, ['end', 500], true],
    ['any', { start: 150, end: 160 }, ['end', 500], false],
  ])('%s: stored %o, then %o', (filterEvents, stored, step, contradicts) => {
    expect(found(stored, [step], [windowOf({ filterEvents })])).toEqual(contradicts ? contradicted() : []);
  });
});

describe('within a batch', () => {
  test('each event is compared with the times that the events before it left', () => {
    const steps: readonly Step[] = [
      ['start', 500],
      [null, 150],
      ['start', 120],
      ['start', 600],
    ];
    expect(found(null, steps), 'the third event brings it into the window').toEqual(contradicted(2));
  });

  test('the service is counted also when it is in the window neither before the batch nor after it', () => {
    const steps: readonly Step[] = [
      ['start', 150],
      ['deletion', null],
    ];
    expect(found(null, steps)).toEqual(contradicted(0));
  });

  test('a deleted service has no times: what follows begins a new one', () => {
    const steps: readonly Step[] = [
      ['deletion', null],
      [null, 150],
      ['end', 500],
    ];
    expect(found({ start: 50, end: 60 }, steps)).toEqual([]);
  });

  test('the offset is that of the first event, and each service is counted once', () => {
    const timeline = new Timeline();
    for (const [offset, id] of ['a', 'b', 'a', 'c', 'b'].entries()) timeline.add(id, 40 + offset, 150, null);
    const times = (id: string) => (id === 'a' ? { start: 500, end: null } : { start: 150, end: null });
    expect(findContradictions(timeline, times, new WindowIndex([windowOf()]))).toEqual([
      { requestId: 'one', offset: 41, services: 2 },
    ]);
  });

  test('each window that is contradicted is found', () => {
    const windows = [
      windowOf({ requestId: 'before', timeFrom: 0, timeTo: 100 }),
      windowOf({ requestId: 'wide', timeFrom: 0, timeTo: 1_000 }),
      windowOf({ requestId: 'same' }),
      windowOf({ requestId: 'same again' }),
      windowOf({ requestId: 'after', timeFrom: 200, timeTo: 300 }),
    ];
    const ids = (stored: Partial<ServiceTimes> | null, step: Step) =>
      found(stored, [step], windows)
        .map(({ requestId }) => requestId)
        .toSorted();
    expect(ids(null, ['start', 150])).toEqual(['same', 'same again', 'wide']);
    expect(ids({ start: 150 }, ['start', 250])).toEqual(['after', 'same', 'same again', 'wide']);
    expect(ids({ start: 50, end: 250 }, ['deletion', null])).toEqual(['after', 'before', 'wide']);
  });
});

describe('an index of windows', () => {
  test('finds what a plain search finds, whatever windows and times', () => {
    const next = seededRandom(7);
    const random = (below: number): number => Math.floor(next() * below);
    const windows = Array.from({ length: 60 }, (_, at) => {
      const timeFrom = random(100);
      return windowOf({ requestId: `w${at}`, timeFrom, timeTo: timeFrom + 1 + random(40) });
    });
    const index = new WindowIndex(windows);
    const idsOf = (found: Iterable<WatchedWindow>) => Array.from(found, ({ requestId }) => requestId).toSorted();
    for (let time = -1; time < 150; time += 1) {
      const wanted = windows.filter(({ timeFrom, timeTo }) => timeFrom <= time && time < timeTo);
      const none = { start: null, end: null };
      const both = index.holding({ ...none, end: time }, { ...none, start: time });
      expect(idsOf(both), `time ${time}`).toEqual(idsOf(wanted));
      expect(idsOf(index.holding(none, { ...none, end: time })), `time ${time}`).toEqual(idsOf(wanted));
    }
    expect(index.latestTimeTo).toBe(Math.max(...windows.map(({ timeTo }) => timeTo)));
  });

  test('without a window finds none', () => {
    const index = new WindowIndex([]);
    expect(index.latestTimeTo).toBe(Number.NEGATIVE_INFINITY);
    expect([...index.holding({ start: 1, end: 2 }, { start: 3, end: null })]).toEqual([]);
  });
});
