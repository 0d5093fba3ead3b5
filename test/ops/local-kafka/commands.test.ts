import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAnswering } from '../../../ops/local-kafka/broker.ts';
import { isRegistryAnswering, registryUrl } from '../../../ops/local-kafka/registry.ts';
import { isRunning, localFolder, readState } from '../../../ops/local-kafka/state.ts';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { TestCluster } from '../../support/kafka/cluster.ts';
import { canStartBroker, canStartRegistry } from '../../support/kafka/own-servers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const program = path.resolve('dist/ops/local-kafka/cli.js');

describe.skipIf(!((await canStartBroker()) && (await canStartRegistry())))('Kafka for development', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    if (!existsSync(program)) throw new Error(`${program} is missing: run "npm run build" before the tests`);
    folder = await temporaryFolder();
  });
  afterAll(async () => {
    await local('down', '--delete');
    await folder.remove();
  });

  /** What `npm run kafka:<words>` runs, in a folder of its own. */
  async function local(...words: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...words], { cwd: folder.path });
    return stdout;
  }
  const state = async () => (await readState(path.join(folder.path, localFolder)))!;

  test('that is not running: demo says how to start it, and down stops nothing', async () => {
    await expect(local('demo')).rejects.toThrow('npm run kafka:up');
    expect(await local('down')).toBe('nothing was running\n');
  });

  test('starts, receives the day of calls, keeps it while it is stopped, and can be deleted', async () => {
    const told = await local('up');
    const { kafka, registry } = await state();
    const brokers = [`127.0.0.1:${kafka!.port}`];
    expect(told).toContain(brokers[0]);
    expect(told).toContain(registryUrl(registry!.port));
    expect(await isAnswering(brokers)).toBe(true);
    expect(await isRegistryAnswering(registryUrl(registry!.port))).toBe(true);
    await local('up');
    expect(await state()).toEqual({ kafka, registry });

    await local('demo');
    await local('demo', '--avro', '--topic', 'calls-avro', '--partitions', '2');
    expect(await local('down')).toBe('stopped: registry, kafka\n');
    expect(await isRunning(kafka!, path.join(folder.path, localFolder, 'kafka'))).toBe(false);

    await local('up', '--no-registry');
    expect((await state()).kafka!.port).toBe(kafka!.port);
    const cluster = new TestCluster(brokers);
    // A broker answers before it leads the partitions that it had.
    const offsets = (topic: string) => waitFor(`offsets of ${topic}`, () => cluster.offsets(topic).catch(() => null));
    const records = async (topic: string) => (await offsets(topic)).map(({ high, low }) => high - low);
    expect(await records('calls')).toHaveLength(3);
    expect((await records('calls')).reduce((sum, count) => sum + count)).toBe(17_152);
    expect((await records('calls-avro')).reduce((sum, count) => sum + count)).toBe(17_152);

    expect(await local('down', '--delete')).toBe('stopped: kafka\n');
    expect(existsSync(path.join(folder.path, localFolder))).toBe(false);
  });

  test.each([
    ['--rate', '0'],
    ['--rate', 'fast'],
    ['--partitions', '-1'],
  ])('refuses %s %s', async (...words) => {
    await expect(local('demo', ...words)).rejects.toThrow('Allowed is a whole number from 1 to 9999999.');
  });
});
