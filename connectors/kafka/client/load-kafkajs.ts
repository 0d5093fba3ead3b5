import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';
import { openCodecs } from '../records/codecs.ts';
import { FetchedBatch, type PartitionData } from '../records/fetched-batch.ts';
import { ourFetch, ourMetadata, type TopicIds } from './kafkajs-requests.ts';

const require = createRequire(import.meta.url);
const fetchModule = 'kafkajs/src/protocol/requests/fetch/index.js';
const metadataModule = 'kafkajs/src/protocol/requests/metadata/index.js';
const batchModule = 'kafkajs/src/consumer/batch.js';
const consumerGroupModule = 'kafkajs/src/consumer/consumerGroup.js';
const brokerPoolModule = 'kafkajs/src/cluster/brokerPool.js';
const requestQueueModule = 'kafkajs/src/network/requestQueue/index.js';
const connectionModule = 'kafkajs/src/network/connection.js';

let loaded: typeof KafkaJs | null = null;

/**
 * Loads kafkajs once, with what its last release leaves open mended: topics are known by their ids, record batches of
 * every codec are read, their CRC is checked and records of aborted transactions left out (see `FetchedBatch`), a
 * consumer may go on as the member it was, why no broker does what is asked is told, an idle client sleeps instead of
 * polling each millisecond, and a broker that stays dead costs no memory. The version is pinned exactly, and a part that
 * is not where it is expected is an error at start. Whoever loaded kafkajs before keeps a copy of its own.
 */
export function loadKafkaJs(): typeof KafkaJs {
  if (loaded !== null) return loaded;
  process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
  for (const file of Object.keys(require.cache)) if (/[\\/]kafkajs[\\/]/.test(file)) delete require.cache[file];
  replaceExports(fetchModule, ourFetch);
  replaceExports(metadataModule, ourMetadata);
  replaceExports(batchModule, batchClass);
  replaceExports(brokerPoolModule, poolOfOurs);
  replaceExports(consumerGroupModule, groupOfOurs);
  const kafkaJs: typeof KafkaJs = require('kafkajs');
  sleepWhenIdle();
  forgetClosedSockets();
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

function batchClass(): unknown {
  const codecs = openCodecs();
  return class extends FetchedBatch {
    constructor(topic: string, fetchedOffset: string, data: PartitionData) {
      super(topic, fetchedOffset, data, codecs);
    }
  };
}

/** What an assigner of ours carries besides, as kafkajs hands nothing else of ours on to its groups. */
export interface Carried {
  /** The member to go on as. */
  readonly formerMember?: string | null;
  /** The topics that are meant, and no others of their names. */
  readonly topicIds?: TopicIds;
  /** Called when the group has let the member go; kafkajs keeps it to itself when it could not be left. */
  readonly onLeft?: () => void;
}

interface GroupOptions {
  readonly assigners: readonly Carried[];
}

type ConsumerGroup = new (
  options: GroupOptions,
) => {
  memberId: string | null;
  rackId: unknown;
  leave(): Promise<void>;
};

/**
 * Joins as the member that the process before us was, so that the group need not wait until its session is over. Should
 * the group have forgotten that member, it says so and kafkajs joins as a new one. Its fetches are given the topic ids.
 */
function groupOfOurs(original: ConsumerGroup): ConsumerGroup {
  return class extends original {
    readonly #onLeft: Carried['onLeft'];

    constructor(options: GroupOptions) {
      super(options);
      const { formerMember = null, topicIds = '', onLeft } = options.assigners[0] ?? {};
      this.memberId = formerMember;
      this.rackId = topicIds;
      this.#onLeft = onLeft;
    }

    override async leave(): Promise<void> {
      const wasMember = this.memberId !== null;
      await super.leave();
      if (wasMember) this.#onLeft?.();
    }
  };
}

type BrokerPool = new (
  ...options: unknown[]
) => {
  withBroker<T>(ask: (of: unknown) => Promise<T>): Promise<T | null>;
};

/**
 * Says why no broker did what was asked. kafkajs keeps it to itself: a right that is missing would look like a group
 * without a coordinator, which is waited for.
 */
function poolOfOurs(original: BrokerPool): BrokerPool {
  return class extends original {
    override async withBroker<T>(ask: (of: unknown) => Promise<T>): Promise<T | null> {
      let failure: unknown;
      const remembering = (of: unknown): Promise<T> =>
        ask(of).catch(error => {
          failure = error;
          throw error;
        });
      const answer = await super.withBroker(remembering);
      if (answer === null && failure !== undefined) throw failure;
      return answer;
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

interface Connection {
  socket: { readonly destroyed: boolean } | undefined;
  disconnect(): Promise<unknown>;
}

/**
 * Both connections to a broker are ended whenever one of them fails, and each time the socket of one that was closed long
 * ago would keep a further listener for a connection that never comes.
 */
function forgetClosedSockets(): void {
  const { prototype }: { prototype: Connection } = require(connectionModule);
  const disconnect = prototype.disconnect;
  if (typeof disconnect !== 'function') throw new Error(`kafkajs has no disconnect to mend`);
  prototype.disconnect = function (this: Connection): Promise<unknown> {
    if (this.socket?.destroyed) this.socket = undefined;
    return disconnect.call(this);
  };
}
