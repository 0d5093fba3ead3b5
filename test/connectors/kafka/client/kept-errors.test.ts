import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { FolderRefused } from '../../../../connectors/export-directory/folders.ts';
import { kafkaFailure } from '../../../../connectors/kafka/client/failure.ts';
import { loadKafkaJs } from '../../../../connectors/kafka/client/load-kafkajs.ts';
import { Unreadable } from '../../../../connectors/kafka/records/codecs.ts';
import { DamagedBatch } from '../../../../connectors/kafka/records/record-batches.ts';
import { failureCodes, TidemarkError } from '../../../../pipeline/errors.ts';
import { AvroSyntaxError } from '../../../../schemas/avro/reader.ts';
import { JsonSyntaxError } from '../../../../schemas/json/json.ts';
import { product } from '../../../support/sources.ts';

/**
 * An error of ours that is thrown in the middle of kafkajs (by the code that decodes a fetch, takes a batch, gives a token
 * or assigns partitions) comes out of it as the same error, with its words, its code and its cause.
 */

loadKafkaJs();
const require = createRequire(import.meta.url);
const createRetry: (options: object) => <T>(attempt: () => Promise<T>) => Promise<T> = require('kafkajs/src/retry');
const Runner: new (options: object) => { start(): Promise<void> } = require('kafkajs/src/consumer/runner.js');

const cause = new Error('the cause');
const options = { cause };
const words = 'words of ours';
/** One of each class, with a cause, and one without. */
const ours: Readonly<Record<string, readonly Error[]>> = {
  TidemarkError: failureCodes.flatMap(code => [
    new TidemarkError(code, words),
    new TidemarkError(code, words, options),
  ]),
  DamagedBatch: [new DamagedBatch(words, null), new DamagedBatch(words, 7, options)],
  Unreadable: [new Unreadable(words), new Unreadable(words, options)],
  AvroSyntaxError: [new AvroSyntaxError(words), new AvroSyntaxError(words, options)],
  JsonSyntaxError: [new JsonSyntaxError(words), new JsonSyntaxError(words, options)],
  FolderRefused: [new FolderRefused(words), new FolderRefused(words, options)],
};

test('there is a case for every class of error', () => {
  const shipped = product.filter(({ file }) => !file.startsWith('ops/local-kafka/'));
  const classes = shipped.flatMap(({ text }) =>
    Array.from(text.matchAll(/class (\w+) extends Error\b/g), ([, name]) => name),
  );
  expect(Object.keys(ours).toSorted()).toEqual(classes.toSorted());
});

/** A few short attempts. */
const retry = { initialRetryTime: 1, maxRetryTime: 1, retries: 1 };

/** What ends a consumer of kafkajs in which `fails` is called at a place. */
function crashOf(place: 'fetch' | 'join' | 'take', fails: () => Promise<never>): Promise<unknown> {
  const logger = { namespace: () => logger, debug: () => undefined, error: () => undefined, info: () => undefined };
  const batch = { topic: 't', partition: 0, messages: [], isEmpty: () => false, isEmptyDueToFiltering: () => false };
  const facts = { firstOffset: () => '0', lastOffset: () => '0', offsetLag: () => '0', offsetLagLow: () => '0' };
  const consumerGroup = {
    connect: async () => undefined,
    heartbeat: async () => undefined,
    getNodeIds: () => [1],
    joinAndSync: place === 'join' ? fails : async () => undefined,
    fetch: place === 'fetch' ? fails : async () => [{ ...batch, ...facts }],
  };
  return new Promise((resolve, reject) => {
    const runner = new Runner({
      ...{ logger, consumerGroup, retry, autoCommit: false, concurrency: 1, eachBatch: fails },
      instrumentationEmitter: { emit: () => undefined },
      onCrash: resolve,
    });
    runner.start().catch(reject);
  });
}

const found = (error: unknown) => kafkaFailure(error, { what: 'read', brokers: ['one:9092'] });

describe.each(Object.entries(ours))('%s', (_, errors) => {
  test.each(['fetch', 'join', 'take'] as const)(
    'thrown at the place %s of a consumer ends it as it is',
    async place => {
      for (const error of errors) expect(found(await crashOf(place, () => Promise.reject(error)))).toBe(error);
    },
  );

  test('thrown inside several retries of kafkajs comes out as it is', async () => {
    for (const error of errors) {
      for (const retriable of [undefined, false]) {
        const thrown = retriable === undefined ? error : Object.assign(Object.create(error), { retriable });
        let attempt = (): Promise<never> => Promise.reject(thrown);
        for (let depth = 0; depth < 3; depth += 1) {
          const inner = attempt;
          attempt = () => createRetry(retry)(inner);
        }
        expect(found(await attempt().catch(failure => failure))).toBe(thrown);
      }
    }
  });
});

test('an error that kafkajs passes on by itself stays what it is', async () => {
  const bailing = createRetry(retry) as unknown as (
    attempt: (bail: (e: Error) => void) => Promise<void>,
  ) => Promise<void>;
  await expect(bailing(async bail => bail(cause))).rejects.toBe(cause);
  let attempts = 0;
  const second = async (): Promise<string> => {
    attempts += 1;
    if (attempts === 1) throw new TidemarkError('DISK_FULL', words, options);
    return 'done';
  };
  expect(await createRetry(retry)(second)).toBe('done');
});
