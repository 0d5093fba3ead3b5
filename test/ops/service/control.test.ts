import { afterEach, expect, test, vi } from 'vitest';
import { KafkaCluster } from '../../../connectors/kafka/cluster.ts';
import { readConfig } from '../../../ops/config.ts';
import { Control, type Controlling } from '../../../ops/service/control.ts';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { LogLines } from '../../support/kafka/reading.ts';

afterEach(() => vi.restoreAllMocks());

/** What of a service the control topic needs until it is read. */
function controlling(): Controlling {
  const { config } = readConfig({
    file: null,
    environment: {},
    flags: { kafka_brokers: 'localhost:9', kafka_topics: 't', control_topic: 'c', status_topic: 's' },
  });
  const { signal } = new AbortController();
  return { config, log: new LogLines(), signal, registry: null, onCrash: () => undefined } as unknown as Controlling;
}

test('a connection that closes while the control topic is looked at is a reason not to be ready, and is made again', async () => {
  const control = Control.of(controlling())!;
  const seen: (readonly string[])[] = [];
  const answers = [
    () => new TidemarkError('SOURCE_UNREACHABLE', 'Closed connection'),
    () => new TidemarkError('TOPIC_UNFIT', 'the end of this test'),
  ];
  const cluster = {
    async ends() {
      seen.push(control.problems);
      throw answers.shift()!();
    },
    close: async () => undefined,
  };
  vi.spyOn(KafkaCluster, 'open').mockResolvedValue(cluster as unknown as KafkaCluster);
  await expect(control.read(() => true)).rejects.toThrow('the end of this test');
  expect(seen).toEqual([['the control topic is not reached yet'], ['Closed connection']]);
});
