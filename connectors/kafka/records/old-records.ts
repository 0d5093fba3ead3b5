import { createRequire } from 'node:module';
import type { LogRecord } from '../../../pipeline/ports.ts';

const require = createRequire(import.meta.url);
const magicAt = 16;

/** Topics that were never rewritten since Kafka 0.11 may hold the older formats, which are another thing altogether. */
export function isOldFormat(bytes: Buffer): boolean {
  return bytes.length > magicAt && bytes.readInt8(magicAt) < 2;
}

interface OldMessage {
  readonly offset: string;
  readonly timestamp?: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** Records as they were before they had headers. */
export async function decodeOldFormat(bytes: Buffer): Promise<readonly LogRecord[]> {
  const Decoder = require('kafkajs/src/protocol/decoder.js');
  const decodeMessageSet = require('kafkajs/src/protocol/messageSet/decoder.js');
  const messages: readonly OldMessage[] = await decodeMessageSet(new Decoder(bytes), bytes.length);
  return messages.map(({ offset, timestamp = '-1', key, value }) => {
    const time = Number(timestamp);
    return { offset: Number(offset), timestamp: time < 0 ? null : time, key, value, headers: [] };
  });
}
