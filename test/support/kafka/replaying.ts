import { readFile } from 'node:fs/promises';
import { verifyingInFolder } from '../verifying.ts';
import type { TestCluster } from './cluster.ts';

/** Reads topics again, in a folder of its own for each test. */
export function replayingFromKafka(kafka: TestCluster) {
  const commands = verifyingInFolder();
  const { run, pathOf } = commands;

  /** The flags of a command that reads a topic again. */
  function reading(topic: string, group = kafka.uniqueTopic('group')): readonly string[] {
    return ['--kafka-brokers', kafka.brokers.join(','), '--kafka-topics', topic, '--kafka-group', group];
  }

  return {
    ...commands,
    reading,
    replayed: async (...args: readonly string[]) => JSON.parse(await run('replay', ...args, '--json')),
    planned: async (...args: readonly string[]) =>
      JSON.parse(await run('replay', ...args, '--into', 'none.duckdb', '--dry-run', '--json')),
    manifestIn: async (path: string) => JSON.parse(await readFile(pathOf(path), 'utf8')),
    async loseRecordsBefore(topic: string, offset: number, partition = 0): Promise<void> {
      await kafka.withAdmin(async admin => {
        await admin.fetchTopicMetadata({ topics: [topic] });
        await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
      });
    },
  };
}
