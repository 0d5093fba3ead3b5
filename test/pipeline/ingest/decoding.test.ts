import { describe, expect, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { type IngestOptions, ingest } from '../../../pipeline/ingest/ingest.ts';
import type { ReadingStore } from '../../../pipeline/ingest/warehouse.ts';
import type { LogRecord, SchemaRegistry } from '../../../pipeline/ports.ts';
import type { RegisteredSchema } from '../../../schemas/avro/type.ts';
import { asAvro, avroWriter, kinds, schemaText, wireBytes } from '../../support/avro.ts';
import { memorySource } from '../../support/memory-source.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

/** Our ten schemas under 1 to 10, a string under 20, and nothing else; what it was asked for is kept. */
class MemoryRegistry implements SchemaRegistry {
  readonly asked: number[] = [];
  asking = 0;
  mostAtOnce = 0;

  async schemaOf(id: number): Promise<RegisteredSchema | null> {
    this.asked.push(id);
    this.asking += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.asking);
    await new Promise(resolve => setImmediate(resolve));
    this.asking -= 1;
    const kind = kinds[id - 1];
    const text = id === 20 ? '"string"' : kind === undefined ? null : schemaText(kind);
    return text === null ? null : { type: 'AVRO', text, references: [] };
  }
}

const started = (id: string) => `{"event":"service.started","service_id":"${id}","timestamp":"2026-03-01T00:00:00Z"}`;
const avro = (id: string) => asAvro(started(id))!;
const stringKey = (id: string) => wireBytes(20, avroWriter('"string"').toBuffer(id));

function recordsOf(given: readonly Partial<LogRecord>[]): readonly LogRecord[] {
  return given.map((record, offset) => ({ offset, timestamp: null, key: null, value: null, headers: [], ...record }));
}

interface Given extends Partial<IngestOptions> {
  readonly records: readonly LogRecord[];
  readonly batchRecords?: number;
}

async function ingested(
  store: { readonly warehouse: ReadingStore },
  { records, batchRecords = 100, ...options }: Given,
) {
  const source = memorySource({ partitions: [{ partition: { topic: 'calls', partition: 0 }, records }], batchRecords });
  return ingest(source, store.warehouse, {
    keyFormat: 'string',
    clock: { now: Date.now },
    signal: new AbortController().signal,
    ...options,
  });
}

const quarantined = (store: TestStore) =>
  store.rows('SELECT "offset", schema_id, reason, message FROM quarantine ORDER BY "offset"');
const schemaIds = (store: TestStore) => store.rows('SELECT topic, schema_id FROM schema_ids ORDER BY schema_id');

test('a topic may hold JSON beside Avro of several schemas, with Avro keys (contract 1.4)', async () => {
  const store = await openTestStore();
  const deleted = asAvro('{"event":"service.deleted","service_id":"b"}')!;
  const records = recordsOf([
    { key: stringKey('a'), value: avro('a') },
    { key: stringKey('b'), value: Buffer.from(started('b')) },
    { key: stringKey('b'), value: deleted },
    { key: stringKey('c'), value: avro('c') },
    { key: stringKey('c'), value: null },
  ]);
  const total = await ingested(store, { records, keyFormat: 'avro', registry: new MemoryRegistry(), batchRecords: 2 });
  expect(total).toMatchObject({ recordsRead: 5, applied: 5, quarantined: 0 });
  expect(await store.rows('SELECT service_id FROM services')).toEqual([['a']]);
  const used = [kinds.indexOf('service.started') + 1, kinds.indexOf('service.deleted') + 1, 20];
  expect(await schemaIds(store)).toEqual(used.map(id => ['calls', String(id)]));
});

test('each schema is fetched once; one that does not exist is asked for again in each batch', async () => {
  const store = await openTestStore();
  const registry = new MemoryRegistry();
  const values = [avro('a'), wireBytes(77, Buffer.alloc(1)), avro('b'), wireBytes(77, Buffer.alloc(1)), avro('c')];
  await ingested(store, { records: recordsOf(values.map(value => ({ value }))), registry, batchRecords: 2 });
  const id = kinds.indexOf('service.started') + 1;
  expect(registry.asked).toEqual([id, 77, 77]);
});

// contract 1.17
test('a record of an unknown schema is quarantined with the schema id, which is not stored for the topic', async () => {
  const store = await openTestStore();
  const records = recordsOf([
    { value: wireBytes(77, Buffer.alloc(1)) },
    { value: wireBytes(2 ** 32 - 1, Buffer.alloc(1)) },
    { key: wireBytes(78, Buffer.alloc(1)), value: Buffer.from(started('a')) },
    { value: avro('a').subarray(0, 8) },
    { value: Buffer.from([0, 1]) },
    { value: Buffer.from('{') },
  ]);
  const total = await ingested(store, { records, keyFormat: 'avro', registry: new MemoryRegistry() });
  expect(total).toMatchObject({ recordsRead: 6, applied: 0, quarantined: 6 });
  const id = kinds.indexOf('service.started') + 1;
  expect((await quarantined(store)).map(row => row.slice(0, 3))).toEqual([
    ['0', '77', 'UNKNOWN_SCHEMA'],
    ['1', '4294967295', 'UNKNOWN_SCHEMA'],
    ['2', '78', 'UNKNOWN_SCHEMA'],
    ['3', String(id), 'MALFORMED'],
    ['4', null, 'MALFORMED'],
    ['5', null, 'MALFORMED'],
  ]);
  expect(await schemaIds(store)).toEqual([['calls', String(id)]]);
});

test('without a registry an Avro value is malformed (contract 1.4)', async () => {
  const store = await openTestStore();
  await ingested(store, { records: recordsOf([{ value: avro('a') }]) });
  expect(await quarantined(store)).toEqual([
    ['0', null, 'MALFORMED', 'the value begins as Avro does, but no schema registry is configured; set registry_url'],
  ]);
});

test('of thousands of schemas in a batch only a few are fetched at once', async () => {
  const store = await openTestStore();
  const registry = new MemoryRegistry();
  const values = Array.from({ length: 1_000 }, (_, index) => wireBytes(1_000 + index, Buffer.alloc(1)));
  const total = await ingested(store, {
    records: recordsOf(values.map(value => ({ value }))),
    registry,
    batchRecords: 1_000,
  });
  expect(total).toMatchObject({ quarantined: 1_000 });
  expect([registry.asked.length, registry.mostAtOnce]).toEqual([1_000, 8]);
});

describe('while the registry does not answer (contract 1.18)', () => {
  /** Answers as soon as it is told to. */
  class AwayRegistry extends MemoryRegistry {
    readonly begun: Promise<void>;
    #begin: () => void = () => undefined;
    #isBack: () => void = () => undefined;
    readonly #back: Promise<void>;

    constructor() {
      super();
      this.begun = new Promise(resolve => {
        this.#begin = resolve;
      });
      this.#back = new Promise(resolve => {
        this.#isBack = resolve;
      });
    }

    comeBack(): void {
      this.#isBack();
    }

    override async schemaOf(id: number, signal?: AbortSignal): Promise<RegisteredSchema | null> {
      this.#begin();
      const aborted = new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(new TidemarkError('INTERRUPTED', 'told to stop')));
      });
      await Promise.race([this.#back, aborted]);
      return super.schemaOf(id);
    }
  }

  const records = recordsOf([
    { value: Buffer.from(started('first')) },
    { value: Buffer.from(started('second')) },
    { value: avro('third') },
    { value: wireBytes(77, Buffer.alloc(1)) },
  ]);

  test('batches that need no schema are stored, and the others wait for the answer', async () => {
    const store = await openTestStore();
    const registry = new AwayRegistry();
    const stored: unknown[] = [];
    const run = ingested(store, { records, registry, batchRecords: 2, onStored: batch => stored.push(batch) });
    await registry.begun;
    while (stored.length === 0) await new Promise(resolve => setImmediate(resolve));
    expect(await store.rows('SELECT count(*) FROM services')).toEqual([['2']]);
    expect(await quarantined(store)).toEqual([]);
    registry.comeBack();
    expect(await run).toMatchObject({ recordsRead: 4, applied: 3, quarantined: 1 });
  });

  test('a stop ends the ingest between two transactions', async () => {
    const store = await openTestStore();
    const stop = new AbortController();
    const registry = new AwayRegistry();
    const run = ingested(store, { records, registry, batchRecords: 2, signal: stop.signal });
    await registry.begun;
    stop.abort();
    expect(await run).toMatchObject({ recordsRead: 2, applied: 2, quarantined: 0 });
    expect(store.warehouse.positions()).toMatchObject([{ nextOffset: 2 }]);
  });

  test('a transaction that fails meanwhile ends the ingest with its error', async () => {
    const registry = new AwayRegistry();
    const warehouse: ReadingStore = {
      positions: () => [],
      beginReading: () => [],
      async store() {
        await registry.begun;
        throw new TidemarkError('DISK_FULL', 'no room');
      },
    };
    await expect(ingested({ warehouse }, { records, registry, batchRecords: 2 })).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
  });

  test('an error that waiting does not mend ends the ingest', async () => {
    const store = await openTestStore();
    const registry = { schemaOf: () => Promise.reject(new Error('a bug')) };
    await expect(ingested(store, { records, registry, batchRecords: 2 })).rejects.toThrow('a bug');
    expect(store.warehouse.positions()).toMatchObject([{ nextOffset: 2 }]);
  });
});
