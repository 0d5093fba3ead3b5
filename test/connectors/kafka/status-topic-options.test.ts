import type { ProducerConfig } from 'kafkajs';
import { expect, test, vi } from 'vitest';
import * as client from '../../../connectors/kafka/client/client.ts';
import { StatusTopic } from '../../../connectors/kafka/status-topic.ts';
import { LogLines, noSecurity } from '../../support/kafka/reading.ts';

test('sending does not create a missing status topic, even when the broker allows it', async () => {
  const send = vi.fn();
  const asUsual = async () => undefined;
  const producer = vi.fn((_: ProducerConfig) => ({ connect: asUsual, disconnect: asUsual, send }));
  vi.spyOn(client, 'createClient').mockReturnValue({ producer } as never);
  const options = { brokers: ['localhost:9'], security: noSecurity, topic: 's', encode: async (text: string) => text };
  const statuses = new StatusTopic(options, new LogLines());
  await statuses.send([{ number: 1, requestId: 'one', status: '{}' }]);
  expect(producer.mock.calls[0]![0]).toMatchObject({ allowAutoTopicCreation: false, idempotent: true });
  expect(send).toHaveBeenCalledOnce();
});
