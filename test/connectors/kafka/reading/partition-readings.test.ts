import { expect, test } from 'vitest';
import { originOf } from '../../../../connectors/kafka/reading/partition-reading.ts';
import { PartitionReadings } from '../../../../connectors/kafka/reading/partition-readings.ts';
import { rangeOf } from '../../../../connectors/kafka/reading/reading-range.ts';

const partition = { topic: 'calls', partition: 1 };
const stored = { partition, origin: originOf('c'), nextOffset: 5, bookmark: null };
const ends = [{ partition, low: 8, stable: 10, high: 10 }];
const topics = new Map([['calls', { id: null }]]);

test('records that were deleted are lost only where the partition is still to be read', () => {
  const whole = new PartitionReadings('c', rangeOf([{ partition, until: 10, mayHaveGaps: false }]));
  expect(() => whole.begin(topics, ends, [stored])).toThrow(
    /the next offset to read is 5, but the log now begins at 8/,
  );
  const other = { partition: { topic: 'calls', partition: 0 }, until: 10, mayHaveGaps: false };
  const rest = new PartitionReadings('c', rangeOf([other]));
  rest.begin(topics, ends, [stored]);
  expect([rest.hasEnded(rest.of(partition)), rest.hasEnded(rest.of(other.partition))]).toEqual([true, false]);
});
