import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { fetchOnce, runTool, ToolsMissing } from '../../../ops/local-kafka/tools.ts';
import { freePort, waitFor } from '../../../ops/local-kafka/waiting.ts';
import { kafkaVariables } from '../../support/kafka/docker.ts';
import { anyKafka, anyRegistry } from '../../support/kafka/layers.ts';
import { sharedKafka, sharedRegistry } from '../../support/kafka/shared.ts';
import { explainSkip } from '../../support/skipping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const kafka = await sharedKafka();
const registry = await sharedRegistry();
afterEach(() => vi.unstubAllEnvs());

test.skipIf(!kafka.available)('the Kafka for tests keeps records of any age', async () => {
  const topic = await kafka.createTopic('old', { config: { 'cleanup.policy': 'compact' } });
  await kafka.produce(topic, [{ key: 'k', value: 'v', timestamp: '1000' }]);
  expect(await kafka.offsets(topic)).toEqual([{ partition: 0, low: 0, high: 1 }]);
});

describe('servers that are named by variables', () => {
  test.skipIf(!kafka.available || !registry.available)('are used by the tests', async () => {
    vi.stubEnv('KAFKA_BROKERS', kafka.brokers.join(','));
    vi.stubEnv('SCHEMA_REGISTRY_URL', registry.url);
    expect(await anyKafka()).toMatchObject({ layer: 'environment', value: kafka.brokers });
    expect(await anyRegistry()).toMatchObject({ layer: 'environment', value: registry.url });
  });

  test('must answer: no other server is started instead', async () => {
    const nowhere = `127.0.0.1:${await freePort()}`;
    vi.stubEnv('KAFKA_BROKERS', nowhere);
    vi.stubEnv('SCHEMA_REGISTRY_URL', `http://${nowhere}`);
    await expect(anyKafka()).rejects.toThrow(`KAFKA_BROKERS is ${nowhere}, where no Kafka answers`);
    await expect(anyRegistry()).rejects.toThrow(`SCHEMA_REGISTRY_URL is http://${nowhere}, where no registry answers`);
  });

  test('a missing server fails the tests only in continuous integration', () => {
    vi.stubEnv('CI', 'true');
    expect(() => explainSkip('there is no Kafka')).toThrow('there is no Kafka');
    vi.stubEnv('CI', '');
    expect(() => explainSkip('this line belongs to a test of skipping')).not.toThrow();
  });
});

test('the Kafka image gets the settings of the local node', async () => {
  expect(await kafkaVariables(12345)).toMatchObject({
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: 'PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093',
    KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://127.0.0.1:12345',
    KAFKA_LOG_RETENTION_MS: '-1',
  });
});

describe('a folder that is fetched once', () => {
  async function cache(): Promise<string> {
    const folder = await temporaryFolder();
    vi.stubEnv('LOCAL_KAFKA_TOOLS', folder.path);
    return folder.path;
  }

  test('is made by the first of two callers', async () => {
    const root = await cache();
    let made = 0;
    const make = async (folder: string) => {
      made += 1;
      await writeFile(path.join(folder, 'program'), String(made));
    };
    const folders = await Promise.all([fetchOnce('tool', make), fetchOnce('tool', make)]);
    expect(folders).toEqual([path.join(root, 'tool'), path.join(root, 'tool')]);
    expect(made).toBe(1);
  });

  test('whose making failed leaves nothing, and can be made again', async () => {
    const root = await cache();
    const failing = fetchOnce('tool', async folder => {
      await writeFile(path.join(folder, 'half'), '');
      throw new Error('no network');
    });
    await expect(failing).rejects.toThrow('no network');
    expect(await readdir(root)).toEqual([]);
    await fetchOnce('tool', async () => undefined);
    expect(await readdir(root)).toEqual(['tool']);
  });

  test('that another process has completed meanwhile is used', async () => {
    const root = await cache();
    const folder = await fetchOnce('tool', async () => {
      await mkdir(path.join(root, 'tool'));
      await writeFile(path.join(root, 'tool/program'), 'of the other');
    });
    expect(await readFile(path.join(folder, 'program'), 'utf8')).toBe('of the other');
  });
});

test('when a program cannot be run, the error says what needs it', async () => {
  const run = runTool('no-such-program', ['--fetch'], 'Kafka needs it');
  await expect(run).rejects.toThrow(ToolsMissing);
  await expect(run).rejects.toThrow(/^Kafka needs it: "no-such-program --fetch" failed: /);
});

test('when a wait fails, the error says what it waited for', async () => {
  await expect(waitFor('rain', async () => null, 60)).rejects.toThrow('waited 60 ms without success for rain');
});
