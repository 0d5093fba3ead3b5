import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Broker, type BrokerOptions } from '../../../ops/local-kafka/broker.ts';
import { javaOf, kafkaJars, registryJars } from '../../../ops/local-kafka/java.ts';
import { Registry } from '../../../ops/local-kafka/registry.ts';
import { explainSkip } from '../skipping.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** True where tests can start, kill and stop a Kafka of their own; fetches what it takes. */
export function canStartBroker(version?: string): Promise<boolean> {
  return canStart(() => Promise.all([javaOf(17), kafkaJars(version)]));
}

/** True where tests can start, kill and stop a schema registry of their own; fetches what it takes. */
export function canStartRegistry(): Promise<boolean> {
  return canStart(() => Promise.all([javaOf(21), registryJars()]));
}

/** A broker of the test's own in a folder of its own; both end with the test unless `stopper` is told to care. */
export async function startBroker(options: Partial<BrokerOptions> = {}, stopper = onTestFinished): Promise<Broker> {
  const folder = await temporaryFolder();
  const starting = Broker.start({ dir: path.join(folder.path, 'kafka'), ...options });
  stopper(async () => {
    await starting.then(
      broker => broker.kill(),
      () => undefined,
    );
    await folder.remove();
  });
  return starting;
}

/** A registry of the test's own, as `startBroker`. */
export async function startRegistry(stopper = onTestFinished): Promise<Registry> {
  const folder = await temporaryFolder();
  const starting = Registry.start({ dir: path.join(folder.path, 'registry') });
  stopper(async () => {
    await starting.then(
      registry => registry.kill(),
      () => undefined,
    );
    await folder.remove();
  });
  return starting;
}

/** True if what it takes could be fetched. */
export async function canStart(fetch: () => Promise<unknown>): Promise<boolean> {
  try {
    await fetch();
    return true;
  } catch (error) {
    explainSkip((error as Error).message);
    return false;
  }
}
