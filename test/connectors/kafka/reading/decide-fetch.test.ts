import { describe, expect, test } from 'vitest';
import {
  checkIdentity,
  checkRange,
  checkTopicId,
  decideFetch,
  type FetchDecision,
} from '../../../../connectors/kafka/reading/lost-records.ts';
import type { PartitionReading } from '../../../../connectors/kafka/reading/partition-reading.ts';
import type { FetchedRecords } from '../../../../connectors/kafka/records/fetched-records.ts';
import { fetched, log, partition, readingOf, storedAt } from '../../../support/kafka/fetched-ranges.ts';

/** Every decision on a fetch, without a broker: take it, fetch again, store a gap, or refuse the log. */

const changed = (message: RegExp) => ({
  code: 'SOURCE_CHANGED',
  retry: false,
  message: expect.stringMatching(message),
});
const recordsLost = (message: RegExp) => ({
  code: 'RECORDS_LOST',
  retry: false,
  message: expect.stringMatching(message),
});
const lost = (from: number, to: number) => ({
  from,
  to,
  reason: `deleted by Kafka before it was read; the log begins at ${to}`,
});

const stopping = { onLostRecords: 'stop', onDamagedBatch: 'stop' } as const;

/** The next offset is 10; the last stored record has the offset 9 or, as before an aborted transaction, 7. */
const at10 = () => readingOf(storedAt(10, 9));
const at10Last7 = () => readingOf(storedAt(10, 7));
const at10NoRecord = () => readingOf(storedAt(10, null));
const neverRead = () => readingOf();
/** As `at10`, after a fetch showed the same record at 9. */
function verifiedAt10(): PartitionReading {
  const reading = at10();
  expect(decideFetch(fetched(5, [5, 6, 7, 8, 9], { high: 30 }), reading, stopping)).toBe('take');
  return reading;
}

type Outcome = FetchDecision | ReturnType<typeof changed>;
type Case = readonly [situation: string, () => PartitionReading, FetchedRecords, stop: Outcome, skip: Outcome];
/** A decision that does not depend on the policy. */
const either = (situation: string, reading: () => PartitionReading, fetch: FetchedRecords, outcome: Outcome): Case => [
  situation,
  reading,
  fetch,
  outcome,
  outcome,
];

const truncated = /t\/3: the next offset to read is 10, but the log ends at 4: the topic was recreated or truncated/;
const deleted =
  /t\/3: the next offset to read is 10, but the log now begins at 25; .* set kafka_on_lost_records to skip/;
const other = /t\/3: offset 9 holds another record than the stored one: .*start with a new database/;

const cases: readonly Case[] = [
  either('never read: a fetch from the start of the log', neverRead, fetched(7, [7, 8], { logStart: 7 }), 'take'),
  either('never read: a fetch from any offset', neverRead, fetched(99, [99], { logStart: 5, high: 200 }), 'take'),

  either('the last record and the following ones', at10, fetched(9, [9, 10, 11]), 'take'),
  either('the last record alone', at10, fetched(9, [9]), 'take'),
  either('records from long before the last record', at10, fetched(0, [0, 5, 9, 10]), 'take'),
  either('the last record, missing offsets, then more', at10Last7, fetched(7, [7, 12]), 'take'),
  either(
    'another record at the offset of the last one',
    at10,
    fetched(9, [9, 10], { content: 'other' }),
    changed(other),
  ),
  either('no record at the offset of the last one', at10, fetched(9, [10, 11]), changed(other)),
  either('no records, over the offset of the last one', at10, fetched(9, [], { nextOffset: 12 }), changed(other)),
  either(
    'another record, in a log that also ends before the position',
    at10,
    fetched(9, [9], { content: 'x', high: 4 }),
    changed(other),
  ),

  either('records that end before the last one', at10, fetched(3, [3, 4], { high: 30 }), 'take'),
  either('records that end right before the last one', at10, fetched(3, [3, 8], { nextOffset: 9, high: 10 }), 'take'),
  either('old records of a log that ends before the position', at10, fetched(3, [3], { high: 4 }), changed(truncated)),
  [
    'old records of a log that begins after the position',
    at10,
    fetched(3, [3], { logStart: 25, high: 30 }),
    recordsLost(deleted),
    'take',
  ],

  either('records that follow without the last one to compare', at10, fetched(10, [10, 11], { high: 30 }), 'refetch'),
  either('the same, in a log that begins at the last record', at10, fetched(10, [10], { logStart: 9 }), 'refetch'),
  either('the same, when the last record is deleted', at10, fetched(10, [10, 11], { logStart: 10 }), 'take'),
  either(
    'the same, from between the last record and the position',
    at10Last7,
    fetched(8, [10], { logStart: 8 }),
    'take',
  ),
  either(
    'an unproven fetch of a log that ends before the position',
    at10,
    fetched(10, [], { high: 4 }),
    changed(truncated),
  ),
  [
    'an unproven fetch of a log that begins after the position',
    at10,
    fetched(10, [], { logStart: 25, high: 30 }),
    recordsLost(deleted),
    'take',
  ],
  either(
    'records that follow, after the last one was verified',
    verifiedAt10,
    fetched(10, [10, 11], { high: 30 }),
    'take',
  ),
  either(
    'another record at the offset of a verified one',
    verifiedAt10,
    fetched(9, [9], { content: 'other' }),
    changed(other),
  ),

  either('a gap although nothing is deleted', at10, fetched(12, [12], { high: 30 }), 'refetch'),
  either(
    'a gap although the log begins at the position',
    at10,
    fetched(12, [12], { logStart: 10, high: 30 }),
    'refetch',
  ),
  either('a gap after the end of a truncated log', at10, fetched(25, [], { high: 4 }), changed(truncated)),
  either('a gap when the position is the end of the log', at10, fetched(12, [], { high: 10 }), 'refetch'),
  [
    'a gap up to the start of the log',
    at10,
    fetched(25, [25, 26], { logStart: 25, high: 30 }),
    recordsLost(deleted),
    lost(10, 25),
  ],
  [
    'a gap of one record',
    verifiedAt10,
    fetched(11, [11], { logStart: 11, high: 30 }),
    recordsLost(/the next offset to read is 10, but the log now begins at 11/),
    lost(10, 11),
  ],
  [
    'a gap beyond the start of the log',
    at10,
    fetched(27, [27], { logStart: 25, high: 30 }),
    recordsLost(deleted),
    'refetch',
  ],

  either('no record was ever stored: records that follow', at10NoRecord, fetched(10, [10]), 'take'),
  either('no record was ever stored: records from before the position', at10NoRecord, fetched(4, [4, 10]), 'take'),
  [
    'no record was ever stored: a gap',
    at10NoRecord,
    fetched(25, [25], { logStart: 25, high: 30 }),
    recordsLost(deleted),
    lost(10, 25),
  ],
];

describe.each(['stop', 'skip'] as const)('with the policy %s', policy => {
  test.each(cases)('%s', (_, reading, fetch, stop, skip) => {
    const wanted = policy === 'stop' ? stop : skip;
    const decide = () => decideFetch(fetch, reading(), { ...stopping, onLostRecords: policy });
    if (typeof wanted === 'object' && 'code' in wanted) expect(decide).toThrow(expect.objectContaining(wanted));
    else expect(decide()).toEqual(wanted);
  });
});

test('when the record to compare is deleted, one unproven fetch is taken, and later ones count as verified', () => {
  const reading = at10();
  reading.assign(0);
  expect(reading.fetchOffset).toBe(9);
  expect(decideFetch(fetched(10, [10], { logStart: 10, high: 30 }), reading, stopping)).toBe('take');
  expect(reading.fetchOffset).toBe(10);
  expect(decideFetch(fetched(10, [10], { high: 30 }), reading, stopping)).toBe('take');
});

describe('the next offset to read', () => {
  test.each([
    ['the first one of the log', 5, 'fine', 'fine'],
    ['the end of the log', 20, 'fine', 'fine'],
    ['after the end of the log', 21, 'SOURCE_CHANGED', 'SOURCE_CHANGED'],
    ['before the start of the log', 4, 'RECORDS_LOST', 'fine'],
  ])('is %s', (_, position, stop, skip) => {
    for (const [policy, code] of [
      ['stop', stop],
      ['skip', skip],
    ] as const) {
      const check = () => checkRange({ partition, low: 5, high: 20 }, position, policy);
      if (code === 'fine') expect(check).not.toThrow();
      else expect(check).toThrow(expect.objectContaining({ code }));
    }
  });
});

describe('the identity of a log', () => {
  const from = (more: object) => ({ ...storedAt(10, 9), ...more });
  const elsewhere = changed(
    /t\/3: it was read from .*, but kafka_brokers leads to kafka c; correct kafka_brokers, or start with a new/,
  );
  const recreated = changed(
    /topic t was recreated: its id is another, but the stored records have the id id; start with a new database/,
  );

  test.each([
    ['the same cluster and topic', from({}), log, null],
    ['another cluster', from({ origin: 'kafka d' }), log, elsewhere],
    ['no Kafka at all', from({ origin: 'file x' }), log, elsewhere],
    ['the same topic, recreated', from({}), { ...log, topicId: 'another' }, recreated],
    ['a cluster that has no ids for topics', from({}), { ...log, topicId: null }, null],
    ['a position without a record', from({ bookmark: null }), { ...log, topicId: 'another' }, null],
    ['a bookmark of another kind of source', from({ bookmark: '{"offset":1}' }), { ...log, topicId: 'another' }, null],
  ])('%s', (_, stored, found, wanted) => {
    const check = () => checkIdentity(stored, found);
    if (wanted === null) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining(wanted));
  });

  test.each([
    ['both unknown', null, null, true],
    ['the stored one unknown', null, 'a', true],
    ['the current one unknown', 'a', null, true],
    ['the same', 'a', 'a', true],
    ['different', 'a', 'b', false],
  ])('topic ids: %s', (_, stored, current, isFine) => {
    const check = () => checkTopicId('t', stored, current);
    if (isFine) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining(changed(/its id is b, but the stored records have the id a/)));
  });
});
