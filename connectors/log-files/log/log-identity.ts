import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../../pipeline/errors.ts';
import { syncFolder } from '../../disk.ts';
import { readSmallFile, writeSmallFile } from '../../small-files.ts';

const FILE_NAME = 'log.json';
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;
/** Kafka counts partitions with 32 bits and a sign. */
const LAST_PARTITION = 2 ** 31 - 1;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What identifies a log, also after its folder was moved or copied. */
export interface LogIdentity {
  /** A UUID. */
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
}

/** Throws `USAGE` unless Kafka would accept the topic name and the partition. */
export function checkLogName(topic: string, partition: number): void {
  if (!isTopicName(topic)) {
    const allowed = '1 to 249 of the characters a-z A-Z 0-9 . _ - are allowed, but not "." or ".."';
    throw new TidemarkError('USAGE', `the topic ${JSON.stringify(topic)} cannot name a log; ${allowed}`);
  }
  if (!isPartitionNumber(partition)) {
    const allowed = `whole numbers from 0 to ${LAST_PARTITION} are allowed`;
    throw new TidemarkError('USAGE', `${partition} is not a partition number of a log; ${allowed}`);
  }
}

function isTopicName(topic: unknown): topic is string {
  return typeof topic === 'string' && TOPIC.test(topic) && topic !== '.' && topic !== '..';
}

function isPartitionNumber(partition: unknown): partition is number {
  return Number.isInteger(partition) && Number(partition) >= 0 && Number(partition) <= LAST_PARTITION;
}

/** Name of a log's folder inside the log root. */
export function logFolderName(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/** The identity of the log in `folder`; null when it has no identity file. Throws `SOURCE_CORRUPT` when the file is invalid. */
export async function readIdentity(folder: string): Promise<LogIdentity | null> {
  const file = path.join(folder, FILE_NAME);
  const text = await readSmallFile(file).catch((error: unknown) => {
    if (hasSystemCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  });
  if (text === null) return null;
  const identity = decodeIdentity(text);
  if (identity === null) {
    const members = 'a UUID as "id", and a "topic" and a "partition" that Kafka would accept';
    const allowed = `allowed are ${members}: restore the file that was made with the log`;
    throw new TidemarkError('SOURCE_CORRUPT', `${file} holds ${JSON.stringify(text.slice(0, 200))}; ${allowed}`);
  }
  return identity;
}

/** The error for a folder with segments whose identity file is gone. */
export function identityLost(folder: string): TidemarkError {
  const problem = `${folder} holds segments of a log but not its identity file ${FILE_NAME}`;
  return new TidemarkError('SOURCE_CORRUPT', `${problem}; restore the file from a copy of the log`);
}

/** Makes a new identity; it is on disk when the promise resolves. Only the holder of the folder's lock may call this. */
export async function makeIdentity(folder: string, topic: string, partition: number): Promise<LogIdentity> {
  const identity = { id: randomUUID(), topic, partition };
  await writeSmallFile(path.join(folder, FILE_NAME), `${JSON.stringify(identity)}\n`);
  await syncFolder(folder);
  return identity;
}

function decodeIdentity(text: string): LogIdentity | null {
  try {
    const { id, topic, partition } = JSON.parse(text) as Partial<Record<string, unknown>>;
    if (typeof id !== 'string' || !UUID.test(id)) return null;
    return isTopicName(topic) && isPartitionNumber(partition) ? { id, topic, partition } : null;
  } catch {
    return null;
  }
}
