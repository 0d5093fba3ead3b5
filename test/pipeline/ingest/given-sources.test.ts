import { beforeEach, describe, expect, test } from 'vitest';
import { withBatch } from '../../../pipeline/completeness/changes.ts';
import type { Source } from '../../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { type GivenSource, ingestGiven } from '../../../pipeline/ingest/given-sources.ts';
import type { PartitionId } from '../../../pipeline/ports.ts';
import { batchFacts, endedFile, sourcesOf } from '../../support/event-sources.ts';
import { NotedSources } from '../../support/noted-sources.ts';

/** A file or folder whose reading is told by the test. */
interface Told extends GivenSource {
  readonly reads: () => Promise<void>;
}

let warehouse: NotedSources;
let stop: AbortController;
/** Moves on by a second each time that it is read. */
let now = 0;
/** What was read, in order. */
let read: string[];
beforeEach(() => {
  warehouse = new NotedSources();
  stop = new AbortController();
  read = [];
});

const idOf = (topic: string): PartitionId => ({ topic, partition: 0 });
const sourceOf = (topic: string): Source | undefined => warehouse.recorded.partitions.get(`${topic}/0`);
/** By topic: `live` while windows wait for it. */
const states = () =>
  Object.fromEntries(
    Array.from(warehouse.recorded.partitions.values(), ({ partition, end }) => [partition.topic, end?.by ?? 'live']),
  );

/** Stores a batch of 5 events of a file, as ingest does. */
function storeBatch(topic: string): void {
  const { nextOffset = 0 } = sourceOf(topic) ?? {};
  const from = nextOffset ?? 0;
  const facts = batchFacts({
    partition: idOf(topic),
    kind: 'file',
    from,
    next: { nextOffset: from + 5, bookmark: null },
  });
  warehouse.note(sources => withBatch(sources, facts, { allowedMs: 0, clockMs: 0 }));
}

function told(topic: string, changes: Partial<Told> = {}): Told {
  return {
    path: `${topic}.ndjson`,
    kind: 'file',
    source: { read: () => expect.fail('only the test reads') },
    partitions: async () => [idOf(topic)],
    isUnfinished: () => false,
    reads: async () => undefined,
    ...changes,
  };
}

/** A source of which one batch is stored. */
const stored = (topic: string, changes: Partial<Told> = {}) =>
  told(topic, { reads: async () => storeBatch(topic), ...changes });

function ingestAll(all: readonly Told[], coversUntil: number | null = null) {
  return ingestGiven(all, {
    ...{ warehouse, coversUntil, clock: { now: () => (now += 1_000) } },
    signal: stop.signal,
    read: async (given, onStored) => {
      read.push(given.path);
      const before = warehouse.positions();
      try {
        await given.reads();
      } finally {
        for (const { partition, nextOffset } of warehouse.positions())
          if (!before.some(other => other.partition.topic === partition.topic && other.nextOffset === nextOffset))
            onStored(partition);
      }
    },
  });
}

describe('sources that ingest was given (contract 4.25)', () => {
  test('are all recorded before the first is read, and end one by one', async () => {
    const seen: unknown[] = [];
    const look = (topic: string) => async () => {
      seen.push(states());
      storeBatch(topic);
    };
    expect(await ingestAll([told('a', { reads: look('a') }), told('b', { reads: look('b') })])).toEqual({
      isFinished: true,
    });
    expect(seen).toEqual([
      { a: 'live', b: 'live' },
      { a: 'ingest', b: 'live' },
    ]);
    expect(states()).toEqual({ a: 'ingest', b: 'ingest' });
    expect(sourceOf('a')).toMatchObject({ kind: 'file', nextOffset: 5 });
  });

  test('that hold nothing new end again (contract 4.24)', async () => {
    warehouse = new NotedSources(sourcesOf([endedFile('a', { end: null })]));
    await ingestAll([told('a')]);
    expect(states()).toEqual({ a: 'ingest' });
  });

  test('that are found grown are live until they are read to their end', async () => {
    warehouse = new NotedSources(sourcesOf([endedFile('a')]));
    const isUnfinished = () => true;
    expect(await ingestAll([stored('a', { isUnfinished })])).toEqual({ isFinished: false });
    expect(states()).toEqual({ a: 'live' });
    await ingestAll([stored('a')]);
    expect(states()).toEqual({ a: 'ingest' });
  });

  test('of which a line is left for the next run are live, and the next ones are read', async () => {
    const unfinished = stored('a', { isUnfinished: () => true });
    expect(await ingestAll([unfinished, stored('b')])).toEqual({ isFinished: false });
    expect(states()).toEqual({ a: 'live', b: 'ingest' });
  });

  test('that are interrupted are live, and so are those behind them, which are not read', async () => {
    const interrupted = told('b', {
      reads: async () => {
        storeBatch('b');
        stop.abort();
      },
    });
    expect(await ingestAll([stored('a'), interrupted, stored('c')])).toEqual({ isFinished: false });
    expect(states()).toEqual({ a: 'ingest', b: 'live', c: 'live' });
    expect(read).toEqual(['a.ndjson', 'b.ndjson']);
  });

  test.each([
    ['before a record of them is read', async () => undefined],
    ['in their middle', async () => storeBatch('a')],
  ])('that break off %s are live, and so are those behind them', async (_, begin) => {
    const broken = told('a', {
      reads: async () => {
        await begin();
        throw new TidemarkError('SOURCE_CORRUPT', 'the archive breaks off');
      },
    });
    await expect(ingestAll([broken, stored('b')])).rejects.toMatchObject({ code: 'SOURCE_CORRUPT' });
    expect(states()).toEqual({ a: 'live', b: 'live' });
  });

  test('of which nothing is stored because they hold no line yet are not recorded', async () => {
    await ingestAll([told('a', { partitions: async () => [] }), stored('b')]);
    expect(states()).toEqual({ b: 'ingest' });
  });

  test('that turn out to be another file while they are read are recorded as that one', async () => {
    const grown = told('short', { reads: async () => storeBatch('long') });
    await ingestAll([grown]);
    expect(states()).toEqual({ long: 'ingest' });
  });

  test('end with all their partitions when they are a folder, also with those that hold no record', async () => {
    const folder = told('log', {
      kind: 'folder',
      partitions: async () => [idOf('full'), idOf('empty')],
      reads: async () => storeBatch('full'),
    });
    await ingestAll([folder]);
    expect(states()).toEqual({ full: 'ingest', empty: 'ingest' });
  });

  test('are not recorded at all when one of them cannot be identified', async () => {
    const missing = told('b', {
      partitions: async () => {
        throw new TidemarkError('SOURCE_MISSING', 'there is no b.ndjson');
      },
    });
    await expect(ingestAll([stored('a'), missing])).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
    expect([states(), read]).toEqual([{}, []]);
  });
});

describe('a source that is refused (contract 4.25)', () => {
  const refused = (topic: string, begin: () => void = () => undefined) =>
    told(topic, {
      reads: async () => {
        begin();
        throw new TidemarkError('SOURCE_CHANGED', 'its stored part has changed');
      },
    });

  test.each([
    ['ended', endedFile('a'), { a: 'ingest' }],
    ['live', endedFile('a', { end: null }), { a: 'live' }],
    ['ended by hand', endedFile('a', { end: { by: 'hand', who: 'ben', at: 1 } }), { a: 'hand' }],
  ])('stays %s when it was', async (_, before, wanted) => {
    warehouse = new NotedSources(sourcesOf([before]));
    await expect(ingestAll([refused('a')])).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    expect(states()).toEqual(wanted);
  });

  test('is not recorded when it was not known; those behind it are, and wait to be read', async () => {
    await expect(ingestAll([refused('a'), stored('b')])).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    expect(states()).toEqual({ b: 'live' });
  });

  test('after a record of it is stored is live', async () => {
    await expect(ingestAll([refused('a', () => storeBatch('a'))])).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    expect(states()).toEqual({ a: 'live' });
  });
});

describe('a declaration (contract 4.28)', () => {
  test('counts once all sources are read to their ends', async () => {
    const seen: unknown[] = [];
    const look = told('b', {
      reads: async () => {
        seen.push(warehouse.recorded.coversUntil);
        storeBatch('b');
      },
    });
    await ingestAll([stored('a'), look], 50);
    expect([seen, warehouse.recorded.coversUntil]).toEqual([[null], 50]);
  });

  test('needs no source', async () => {
    expect(await ingestAll([], 50)).toEqual({ isFinished: true });
    expect(warehouse.recorded.coversUntil).toBe(50);
  });

  test.each<[string, () => Told]>([
    ['is unfinished', () => stored('a', { isUnfinished: () => true })],
    ['is interrupted', () => told('a', { reads: async () => stop.abort() })],
    ['breaks off', () => told('a', { reads: () => Promise.reject(new Error('it breaks off')) })],
  ])('does not count when one source %s', async (_, last) => {
    await ingestAll([stored('b'), last()], 50).catch(() => undefined);
    expect(warehouse.recorded.coversUntil).toBeNull();
  });
});
