import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers';
import { isAnswering } from '../../../ops/local-kafka/broker.ts';
import { brokerSettings } from '../../../ops/local-kafka/broker-settings.ts';
import { kafkaVersion, registryVersion } from '../../../ops/local-kafka/java.ts';
import { isRegistryAnswering } from '../../../ops/local-kafka/registry.ts';
import { freePort, startTimeoutMs, waitFor } from '../../../ops/local-kafka/waiting.ts';

export interface Stoppable {
  stop(): Promise<void>;
}

const engineTimeoutMs = 3_000;
const broker = { listener: 9092, controllerPort: 9093 };

/** Null when a container engine answers, or else the reason why none can be used. */
export async function dockerRefusal(): Promise<string | null> {
  const late = new Promise<string>(resolve => {
    setTimeout(() => resolve(`no container engine answered within ${engineTimeoutMs} ms`), engineTimeoutMs).unref();
  });
  const asked = getContainerRuntimeClient().then(
    () => null,
    (error: Error) => `no container engine: ${error.message}`,
  );
  return Promise.race([asked, late]);
}

/** The environment variables that give the official image the settings of the local test broker. */
export async function kafkaVariables(port: number): Promise<Record<string, string>> {
  const settings = await brokerSettings({
    listeners: `PLAINTEXT://0.0.0.0:${broker.listener}`,
    advertised: `PLAINTEXT://127.0.0.1:${port}`,
    protocols: 'PLAINTEXT:PLAINTEXT',
    controllerPort: broker.controllerPort,
    data: '/tmp/kafka-data',
    properties: {},
  });
  const pairs = settings.split('\n').map(line => /^([a-z][^=]*)=(.*)$/.exec(line));
  return Object.fromEntries(
    pairs.flatMap(pair => (pair ? [[`KAFKA_${pair[1]!.replaceAll('.', '_').toUpperCase()}`, pair[2]!]] : [])),
  );
}

export async function dockerKafka(): Promise<{ readonly brokers: readonly string[] } & Stoppable> {
  const port = await freePort();
  const container = await new GenericContainer(`apache/kafka:${kafkaVersion}`)
    .withEnvironment(await kafkaVariables(port))
    .withExposedPorts({ container: broker.listener, host: port })
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  const brokers = [`127.0.0.1:${port}`];
  await waitFor('Kafka in its container to answer', () => isAnswering(brokers), startTimeoutMs);
  return { brokers, stop: async () => void (await container.stop()) };
}

export async function dockerRegistry(): Promise<{ readonly url: string } & Stoppable> {
  const container = await new GenericContainer(`apicurio/apicurio-registry:${registryVersion}`)
    .withExposedPorts(8080)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  const url = `http://${container.getHost()}:${container.getMappedPort(8080)}/apis/ccompat/v7`;
  await waitFor('the registry in its container to answer', () => isRegistryAnswering(url), startTimeoutMs);
  return { url, stop: async () => void (await container.stop()) };
}
