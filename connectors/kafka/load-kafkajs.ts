import { createRequire } from 'node:module';
import type * as KafkaJs from 'kafkajs';
import { openCodecs } from './codecs.ts';
import { recordBatchDecoder } from './record-batches.ts';

const require = createRequire(import.meta.url);
const decoderModule = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js';
const requestQueueModule = 'kafkajs/src/network/requestQueue/index.js';

let loaded: typeof KafkaJs | null = null;

/**
 * Loads kafkajs once, with what its last release leaves open mended: record batches of every codec are read and their CRC is
 * checked, and an idle client sleeps instead of polling each millisecond. The version is pinned exactly, and a
 * part that is not where it is expected is an error at start. Whoever loaded kafkajs before keeps a copy of its own.
 */
export function loadKafkaJs(): typeof KafkaJs {
  if (loaded !== null) return loaded;
  process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
  for (const file of Object.keys(require.cache)) if (/[\\/]kafkajs[\\/]/.test(file)) delete require.cache[file];
  replaceExports(decoderModule, recordBatchDecoder(openCodecs()));
  const kafkaJs: typeof KafkaJs = require('kafkajs');
  sleepWhenIdle();
  loaded = kafkaJs;
  return kafkaJs;
}

/** Before anything that asks for the module is loaded. */
function replaceExports(name: string, exports: unknown): void {
  require(name);
  const module = require.cache[require.resolve(name)];
  if (module === undefined) throw new Error(`kafkajs has no ${name}; only the pinned version is supported`);
  module.exports = exports;
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
