import { TidemarkError } from '../../../pipeline/errors.ts';

const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;

/** Throws `USAGE` unless the topic is one that Kafka would take too, and the partition a whole number from 0. */
export function checkLogName(topic: string, partition: number): void {
  if (!TOPIC.test(topic) || topic === '.' || topic === '..') {
    const allowed = '1 to 249 of the characters a-z A-Z 0-9 . _ - are allowed, but not "." or ".."';
    throw new TidemarkError('USAGE', `the topic ${JSON.stringify(topic)} cannot name a log; ${allowed}`);
  }
  if (!Number.isSafeInteger(partition) || partition < 0) {
    throw new TidemarkError('USAGE', `the partition ${partition} cannot number a log; 0, 1, 2, … are allowed`);
  }
}

/** Name of a log's folder inside the log root. */
export function logFolderName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}
