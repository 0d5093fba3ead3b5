import { createRequire } from 'node:module';
import type { LogRecord } from '../../../pipeline/ports.ts';

const require = createRequire(import.meta.url);
const magicIndex = 16;

/** True for the message formats 0 and 1. A topic that was written before Kafka 0.11 may still hold them. */
export function isOldFormat(bytes: Buffer): boolean {
  return bytes.length > magicIndex && bytes.readInt8(magicIndex) < 2;
}

interface OldMessage {
  readonly offset: string;
  readonly timestamp?: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** Decodes message formats 0 and 1 with kafkajs's own decoder. These formats have no headers. */
export async function decodeOldFormat(bytes: Buffer): Promise<readonly LogRecord[]> {
  const Decoder = require('kafkajs/src/protocol/decoder.js');
  const decodeMessageSet = require('kafkajs/src/protocol/messageSet/decoder.js');
  const messages: readonly OldMessage[] = await decodeMessageSet(new Decoder(bytes), bytes.length);
  return messages.map(({ offset, timestamp = '-1', key, value }) => {
    const time = Number(timestamp);
    return { offset: Number(offset), timestamp: time < 0 ? null : time, key, value, headers: [] };
  });
}
