import { Registry } from 'prom-client';
import { afterEach, expect, test, vi } from 'vitest';
import { StatusTopic } from '../../../connectors/kafka/status-topic.ts';
import { KafkaCluster } from '../../../connectors/kafka/topics/cluster.ts';
import { Control, type ControlParts } from '../../../ops/service/control.ts';
import { readConfig } from '../../../ops/settings/config.ts';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { LogLines } from '../../support/kafka/reading.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A send that no broker answers. */
const never = () => new Promise<never>(() => undefined);

const idle = { changed: never, oldest: never, count: async () => 0 };

/** What of a service the control topic needs until it is read. */
function controlParts(outbox: object = idle): ControlParts {
  const { config } = readConfig({
    file: null,
    environment: {},
    flags: { kafka_brokers: 'localhost:9', kafka_topics: 't', control_topic: 'c', status_topic: 's' },
  });
  const { signal } = new AbortController();
  const exporting = { store: { outbox } };
  const metrics = new Registry();
  const onCrash = (): void => undefined;
  return {
    config,
    log: new LogLines(),
    signal,
    registry: null,
    exporting,
    metrics,
    onCrash,
  } as unknown as ControlParts;
}

test('when the connection closes while the control topic is checked, the service is not ready, and the check is repeated', async () => {
  const control = Control.open(controlParts())!;
  const seen: (readonly string[])[] = [];
  const answers = [
    () => new TidemarkError('SOURCE_UNREACHABLE', 'Closed connection'),
    () => new TidemarkError('TOPIC_UNFIT', 'the end of this test'),
  ];
  const cluster = {
    async look() {
      seen.push(control.problems.map(({ detail }) => detail));
      throw answers.shift()!();
    },
    close: async () => undefined,
  };
  vi.spyOn(KafkaCluster, 'open').mockResolvedValue(cluster as unknown as KafkaCluster);
  await expect(control.read(() => true)).rejects.toThrow('the end of this test');
  expect(seen).toEqual([['the control topic is not reached yet'], ['Closed connection']]);
});

test('stopping does not wait for a status that is being sent to a broker which does not answer', async () => {
  vi.useFakeTimers();
  const send = vi.spyOn(StatusTopic.prototype, 'send').mockImplementation(never);
  const outbox = { ...idle, oldest: async () => [{ number: 1, requestId: 'one', status: '{}' }] };
  const control = Control.open(controlParts(outbox))!;
  await vi.waitFor(() => expect(send).toHaveBeenCalled());
  const stopped = control.stop();
  await vi.advanceTimersByTimeAsync(3_000);
  await stopped;
});
