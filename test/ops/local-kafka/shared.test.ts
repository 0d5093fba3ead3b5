import { describe, expect, test } from 'vitest';
import { sharedKafka, sharedRegistry } from '../../support/kafka/shared.ts';

const kafka = await sharedKafka();
const registry = await sharedRegistry();

describe.skipIf(!kafka.available)('the Kafka of the run', () => {
  test('keeps records of any age', async () => {
    const topic = await kafka.createTopic('old', { config: { 'cleanup.policy': 'compact' } });
    await kafka.produce(topic, [{ key: 'k', value: 'v', timestamp: '1000' }]);
    expect(await kafka.offsets(topic)).toEqual([{ partition: 0, low: 0, high: 1 }]);
  });
});

describe.skipIf(!registry.available)('the registry of the run', () => {
  test('answers', async () => {
    expect((await fetch(`${registry.url}/subjects`)).status).toBe(200);
  });
});
