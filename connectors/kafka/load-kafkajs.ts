import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';
import { openCodecs } from './codecs.ts';
import { decodeFetchResponse, type FetchResponse, fetchVersions } from './fetch-response.ts';
import { FetchedBatch, type PartitionData } from './fetched-batch.ts';

const require = createRequire(import.meta.url);
const fetchModule = 'kafkajs/src/protocol/requests/fetch/index.js';
const batchModule = 'kafkajs/src/consumer/batch.js';
const consumerGroupModule = 'kafkajs/src/consumer/consumerGroup.js';
const requestQueueModule = 'kafkajs/src/network/requestQueue/index.js';

let loaded: typeof KafkaJs | null = null;

/**
 * Loads kafkajs once, with what its last release leaves open mended: record batches of every codec are read, their CRC is
 * checked and records of aborted transactions left out (see `FetchedBatch`), a consumer may go on as the member it was,
 * and an idle client sleeps instead of polling each millisecond. The version is pinned exactly, and a part that is not
 * where it is expected is an error at start. Whoever loaded kafkajs before keeps a copy of its own.
 */
export function loadKafkaJs(): typeof KafkaJs {
  if (loaded !== null) return loaded;
  process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
  for (const file of Object.keys(require.cache)) if (/[\\/]kafkajs[\\/]/.test(file)) delete require.cache[file];
  replaceExports(fetchModule, fetchOfOurs);
  replaceExports(batchModule, batchClass);
  replaceExports(consumerGroupModule, groupThatGoesOn);
  const kafkaJs: typeof KafkaJs = require('kafkajs');
  sleepWhenIdle();
  loaded = kafkaJs;
  return kafkaJs;
}

/** Before anything that asks for the module is loaded. */
function replaceExports<T>(name: string, replace: (original: T) => unknown): void {
  const original: T = require(name);
  const module = require.cache[require.resolve(name)];
  if (module === undefined) throw new Error(`kafkajs has no ${name}; only the pinned version is supported`);
  module.exports = replace(original);
}

interface FetchRequests {
  protocol(of: { readonly version: number }): (options: object) => {
    readonly request: object;
    readonly response: { parse(decoded: FetchResponse): unknown };
  };
}

/** The same requests, with answers that we decode. */
function fetchOfOurs({ protocol }: FetchRequests): unknown {
  const versions = Array.from(
    { length: fetchVersions.last - fetchVersions.first + 1 },
    (_, i) => fetchVersions.first + i,
  );
  return {
    versions: versions.map(String),
    protocol: ({ version }: { readonly version: number }) => {
      const asked = protocol({ version });
      return (options: object) => {
        const { request, response, ...more } = asked(options);
        const decode = (bytes: Buffer) => decodeFetchResponse(bytes, Number(version));
        return { request, response: { decode, parse: response.parse }, ...more };
      };
    },
  };
}

function batchClass(): unknown {
  const codecs = openCodecs();
  return class extends FetchedBatch {
    constructor(topic: string, fetchedOffset: string, data: PartitionData) {
      super(topic, fetchedOffset, data, codecs);
    }
  };
}

/** An assigner of ours, which kafkajs hands on as it is. */
export interface RememberingAssigner {
  /** The member to go on as. */
  readonly formerMember?: string | null;
}

type ConsumerGroup = new (options: {
  readonly assigners: readonly RememberingAssigner[];
}) => {
  memberId: string | null;
};

/**
 * Joins as the member that the process before us was, so that the group need not wait until its session is over. Should
 * the group have forgotten that member, it says so and kafkajs joins as a new one.
 */
function groupThatGoesOn(original: ConsumerGroup): ConsumerGroup {
  return class extends original {
    constructor(options: { readonly assigners: readonly RememberingAssigner[] }) {
      super(options);
      this.memberId = options.assigners[0]?.formerMember ?? null;
    }
  };
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  canSendSocketRequestImmediately(): boolean;
  scheduleCheckPendingRequests(): void;
}

/** With nothing pending and no throttling, the check would schedule itself again at once, for ever. */
function sleepWhenIdle(): void {
  const { prototype }: { prototype: RequestQueue } = require(requestQueueModule);
  const schedule = prototype.scheduleCheckPendingRequests;
  if (typeof schedule !== 'function') throw new Error(`kafkajs has no scheduleCheckPendingRequests to mend`);
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0 || !this.canSendSocketRequestImmediately()) schedule.call(this);
  };
}
