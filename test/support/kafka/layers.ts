import path from 'node:path';
import { Broker, isAnswering } from '../../../ops/local-kafka/broker.ts';
import { isRegistryAnswering, Registry } from '../../../ops/local-kafka/registry.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import type { Stoppable } from './docker.ts';

/** Where a server of the tests comes from. */
export type Layer = 'environment' | 'docker' | 'jars' | 'installed' | 'packages';

/** A running server: its address or path, and how to stop it. */
export interface Running<T> extends Stoppable {
  readonly layer: Layer;
  readonly value: T;
}

/**
 * Finds or starts a Kafka cluster: that of `KAFKA_BROKERS`, or else one in a container, or else one from Maven's jars.
 * Throws when none can be had.
 */
export async function anyKafka(): Promise<Running<readonly string[]>> {
  const { KAFKA_BROKERS } = process.env;
  if (KAFKA_BROKERS) {
    const value = KAFKA_BROKERS.split(',');
    if (!(await isAnswering(value))) throw new Error(`KAFKA_BROKERS is ${KAFKA_BROKERS}, where no Kafka answers`);
    return { layer: 'environment', value, stop: async () => undefined };
  }
  return fromEngineOrJars('Kafka', {
    docker: async ({ dockerKafka }) => {
      const { brokers, stop } = await dockerKafka();
      return { value: brokers, stop };
    },
    jars: async dir => {
      const broker = await Broker.start({ dir });
      return { value: broker.brokers, stop: () => broker.stop() };
    },
  });
}

/**
 * Finds or starts a schema registry and gives its URL: `SCHEMA_REGISTRY_URL`, or else one in a container, or else one
 * from Maven's jars. Throws when none can be had.
 */
export async function anyRegistry(): Promise<Running<string>> {
  const { SCHEMA_REGISTRY_URL: value } = process.env;
  if (value) {
    if (!(await isRegistryAnswering(value)))
      throw new Error(`SCHEMA_REGISTRY_URL is ${value}, where no registry answers`);
    return { layer: 'environment', value, stop: async () => undefined };
  }
  return fromEngineOrJars('schema registry', {
    docker: async ({ dockerRegistry }) => {
      const { url, stop } = await dockerRegistry();
      return { value: url, stop };
    },
    jars: async dir => {
      const registry = await Registry.start({ dir });
      return { value: registry.url, stop: () => registry.stop() };
    },
  });
}

interface Ways<T> {
  docker(engine: typeof import('./docker.ts')): Promise<{ readonly value: T } & Stoppable>;
  jars(dir: string): Promise<{ readonly value: T } & Stoppable>;
}

async function fromEngineOrJars<T>(name: string, ways: Ways<T>): Promise<Running<T>> {
  // Imported here, so that tests without containers do not wait for this package to load.
  const engine = await import('./docker.ts');
  const refusals = [await engine.dockerRefusal()];
  if (refusals[0] === null) {
    try {
      return { layer: 'docker', ...(await ways.docker(engine)) };
    } catch (error) {
      refusals[0] = `its container did not start: ${(error as Error).message}`;
    }
  }
  const folder = await temporaryFolder();
  try {
    const { value, stop } = await ways.jars(path.join(folder.path, 'server'));
    return { layer: 'jars', value, stop: () => stop().finally(folder.remove) };
  } catch (error) {
    await folder.remove();
    refusals.push((error as Error).message);
  }
  throw new Error(`these tests have no ${name}: ${refusals.join('; ')}`);
}
