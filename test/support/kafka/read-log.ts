import type { KafkaMessage } from 'kafkajs';
import { listed, type RawEvent, referenceFold, storedRows } from '../reference-fold.ts';
import { queryDatabase } from '../tables.ts';
import type { TestCluster } from './cluster.ts';
import { poisonHeader } from './load.ts';

/** Reads all records of a topic, by partition, with the unpatched kafkajs. */
export async function readLog(cluster: TestCluster, topic: string): Promise<readonly (readonly KafkaMessage[])[]> {
  const ends = await cluster.offsets(topic);
  const records: KafkaMessage[][] = ends.map(() => []);
  const left = new Set(ends.filter(({ low, high }) => low < high).map(({ partition }) => partition));
  if (left.size === 0) return records;
  const consumer = cluster.client().consumer({ groupId: cluster.uniqueTopic('reader'), maxWaitTimeInMs: 100 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => void (restart || reject(error)));
      const eachBatch = async ({ batch }: { batch: { partition: number; messages: KafkaMessage[] } }) => {
        for (const message of batch.messages) records[batch.partition]!.push(message);
        const next = Number(batch.messages.at(-1)?.offset ?? -1) + 1;
        if (next >= ends[batch.partition]!.high) left.delete(batch.partition);
        if (left.size === 0) resolve();
      };
      consumer.run({ autoCommit: false, eachBatch }).catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return records;
}

/** The rows and counts that a database has, or must have, after it consumed a log. */
export interface Accounts {
  readonly rows: unknown;
  readonly partitions: readonly {
    readonly partition: number;
    readonly nextOffset: number;
    readonly applied: number;
    readonly quarantined: number;
  }[];
}

/** The rows and counts that the reference fold computes from all records of a log. */
export function accountsOf(log: readonly (readonly KafkaMessage[])[]): Accounts {
  const isPoison = ({ headers }: KafkaMessage) => headers?.[poisonHeader] !== undefined;
  const events = log.flat().filter(message => !isPoison(message));
  const rows = listed(referenceFold(events.map(({ value }) => JSON.parse(String(value)) as RawEvent)));
  const partitions = log.map((records, partition) => {
    const quarantined = records.filter(isPoison).length;
    const nextOffset = Number(records.at(-1)?.offset ?? -1) + 1;
    return { partition, nextOffset, applied: records.length - quarantined, quarantined };
  });
  return { rows, partitions };
}

/** The rows and counts that a database holds of a topic. Only while no process has the database open. */
export function storedAccounts(db: string, topic: string): Promise<Accounts> {
  return queryDatabase(db, async query => {
    const rows = listed(await storedRows(query));
    const found = await query(
      `SELECT partition, next_offset, records_read, applied, quarantined,
              (SELECT count(*) FROM quarantine q WHERE q.topic = p.topic AND q.partition = p.partition)
       FROM partitions p WHERE topic = '${topic}' ORDER BY partition`,
    );
    const partitions = found.map(row => {
      const [partition = 0, nextOffset = 0, read = 0, applied = 0, quarantined = 0, setAside = 0] = row.map(Number);
      if (read !== applied + quarantined || quarantined !== setAside)
        throw new Error(
          `partition ${partition}: ${read} read, ${applied} applied, ${quarantined} (${setAside}) set aside`,
        );
      return { partition, nextOffset, applied, quarantined };
    });
    return { rows, partitions };
  });
}
