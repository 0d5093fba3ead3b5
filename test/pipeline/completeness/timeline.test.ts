import { expect, test } from 'vitest';
import { Timeline } from '../../../pipeline/completeness/timeline.ts';

function timelineOf(...events: readonly (readonly [time: number | null, sets: 'start' | 'end' | 'deletion' | null])[]) {
  const timeline = new Timeline();
  for (const [offset, [time, sets]] of events.entries()) timeline.add(`s-${offset}`, offset, time, sets);
  return timeline;
}

test('the events are visited in the order of the log', () => {
  const visited: unknown[] = [];
  timelineOf([9, 'start'], [7, null], [null, 'deletion']).forEach((event, serviceId) => {
    visited.push([serviceId, event]);
  });
  expect(visited).toEqual([
    ['s-0', { offset: 0, time: 9, sets: 'start' }],
    ['s-1', { offset: 1, time: 7, sets: null }],
    ['s-2', { offset: 2, time: null, sets: 'deletion' }],
  ]);
});

// contract 4.29
test.each([
  ['infinity without events', timelineOf(), Number.POSITIVE_INFINITY],
  ['the lowest of all', timelineOf([9, 'start'], [7, null], [8, 'end']), 7],
  [
    'minus infinity when an event has no time, because that counts as before',
    timelineOf([9, 'start'], [null, null], [8, 'end']),
    Number.NEGATIVE_INFINITY,
  ],
  ['not changed by a deletion, which has no time', timelineOf([9, 'start'], [null, 'deletion']), 9],
])('the earliest time is %s', (_, timeline, earliest) => {
  expect(timeline.earliest).toBe(earliest);
});

test('a timeline tells whether it has deletions', () => {
  expect(timelineOf([9, 'start']).hasDeletions).toBe(false);
  expect(timelineOf([9, 'start'], [null, 'deletion']).hasDeletions).toBe(true);
});
