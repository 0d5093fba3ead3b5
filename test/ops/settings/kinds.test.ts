import { expect, test } from 'vitest';
import { partitions } from '../../../ops/settings/kinds.ts';

test.each([
  ['0-3', [0, 1, 2, 3]],
  ['5-6,0,2', [0, 2, 5, 6]],
  ['3-3,3', [3]],
  ['', null],
  ['0-3,7-5', undefined],
  ['7-5', undefined],
  ['a', undefined],
])('the list of partitions %j is read as %j', (given, value) => {
  expect(partitions.read(given)).toEqual(value);
});
