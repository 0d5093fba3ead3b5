import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';
import { openCodecs } from '../records/codecs.ts';
import { FetchedBatch } from '../records/fetched-batch.ts';
import {
  forgetClosedSockets,
  patchedAdmin,
  patchedBrokerPool,
  patchedConsumerGroup,
  patchedRetry,
  sleepWhenIdle,
} from './kafkajs-patches.ts';
import { patchedFetch, patchedMetadata } from './kafkajs-requests.ts';

const require = createRequire(import.meta.url);

let loaded: typeof KafkaJs | null = null;

/**
 * Loads kafkajs once and patches it in memory. Its version is pinned exactly; the start fails when a part to patch is
 * missing, and with `CONFIG_INVALID` when a codec does not work on this machine. Code that loaded kafkajs before keeps an
 * unchanged copy. ADR 15 has the reasons in full.
 *
 * | module in kafkajs/src      | change                         | reason                             | tests                        |
 * | -------------------------- | ------------------------------ | ---------------------------------- | ---------------------------- |
 * | retry                      | keep an error that has a cause | a failure looked like a bug        | kept-errors                  |
 * | protocol/requests/fetch    | fetch by topic id, own decoder | recreated topics, start of the log | fetch-response, changed-log  |
 * | protocol/requests/metadata | read topic ids                 | fetches need them                  | wire, changed-log            |
 * | consumer/batch             | `FetchedBatch` for `Batch`     | CRC, codecs, aborted records       | fetched-records, transactions |
 * | cluster/brokerPool         | throw when all brokers refuse  | a missing right looked temporary   | load-kafkajs, access         |
 * | consumer/consumerGroup     | continue as a former member    | no wait for a dead process         | load-kafkajs, group-consumer |
 * | admin                      | give the client's brokers      | one look at all topics, both ends  | load-kafkajs, cluster        |
 * | network/requestQueue       | no timer while idle            | it woke every millisecond          | load-kafkajs                 |
 * | network/connection         | drop closed sockets            | each retry leaked a listener       | load-kafkajs                 |
 */
export function loadKafkaJs(): typeof KafkaJs {
  if (loaded !== null) return loaded;
  process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
  for (const file of Object.keys(require.cache)) if (/[\\/]kafkajs[\\/]/.test(file)) delete require.cache[file];
  openCodecs();
  // First, because most other modules require it.
  replaceExports('kafkajs/src/retry/index.js', patchedRetry);
  replaceExports('kafkajs/src/protocol/requests/fetch/index.js', patchedFetch);
  replaceExports('kafkajs/src/protocol/requests/metadata/index.js', patchedMetadata);
  replaceExports('kafkajs/src/consumer/batch.js', () => FetchedBatch);
  replaceExports('kafkajs/src/cluster/brokerPool.js', patchedBrokerPool);
  replaceExports('kafkajs/src/consumer/consumerGroup.js', patchedConsumerGroup);
  replaceExports('kafkajs/src/admin/index.js', patchedAdmin);
  const kafkaJs: typeof KafkaJs = require('kafkajs');
  sleepWhenIdle(require('kafkajs/src/network/requestQueue/index.js'));
  forgetClosedSockets(require('kafkajs/src/network/connection.js'));
  loaded = kafkaJs;
  return kafkaJs;
}

/** Must run before any module that requires this one is loaded. */
function replaceExports<T>(name: string, replace: (original: T) => unknown): void {
  const original: T = require(name);
  const module = require.cache[require.resolve(name)];
  if (module === undefined) throw new Error(`kafkajs has no ${name}; only the pinned version is supported`);
  module.exports = replace(original);
}
