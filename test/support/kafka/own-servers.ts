import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Broker, type BrokerOptions } from '../../../ops/local-kafka/broker.ts';
import { findJava, kafkaJars, registryJars } from '../../../ops/local-kafka/java.ts';
import { Registry } from '../../../ops/local-kafka/registry.ts';
import { explainSkip } from '../skipping.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** True when tests can run a Kafka broker of their own. Downloads Java and Kafka if needed. */
export function canStartBroker(version?: string): Promise<boolean> {
  return canStart(() => Promise.all([findJava(17), kafkaJars(version)]));
}

/** True when tests can run a schema registry of their own. Downloads Java and the registry if needed. */
export function canStartRegistry(): Promise<boolean> {
  return canStart(() => Promise.all([findJava(21), registryJars()]));
}

/** Starts a broker in a new folder. Both are removed when the test ends, or when `stopper` runs its hook. */
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

/** Starts a schema registry in a new folder, see `startBroker`. */
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

/** True when `fetch` succeeds; otherwise logs the reason, or fails in continuous integration. */
export async function canStart(fetch: () => Promise<unknown>): Promise<boolean> {
  try {
    await fetch();
    return true;
  } catch (error) {
    explainSkip((error as Error).message);
    return false;
  }
}
