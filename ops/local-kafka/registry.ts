import path from 'node:path';
import { makeFolder } from '../../connectors/disk.ts';
import { findJava, registryJars } from './java.ts';
import { JavaProcess } from './java-process.ts';
import { markOf } from './state.ts';
import { freePort, startTimeoutMs, waitFor } from './waiting.ts';

interface RegistryOptions {
  /** Its own folder: schemas and log. A second start on the same folder finds the schemas of the first. */
  readonly dir: string;
  /** The port; by default a free one. */
  readonly port?: number;
  /** True when the registry should keep running after this process has ended. */
  readonly detached?: boolean;
}

const jvmFlags = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

/** Apicurio Registry on the loopback interface; its API compatible with Confluent's is used. */
export class Registry {
  readonly dir: string;
  readonly port: number;
  readonly #detached: boolean;
  #process: JavaProcess | null = null;

  private constructor(dir: string, port: number, detached: boolean) {
    this.dir = dir;
    this.port = port;
    this.#detached = detached;
  }

  /** Starts it and waits until it answers requests. */
  static async start({ dir, port, detached = false }: RegistryOptions): Promise<Registry> {
    const registry = new Registry(dir, port ?? (await freePort()), detached);
    await registry.start();
    return registry;
  }

  get url(): string {
    return registryUrl(this.port);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it again, after a stop or a kill, on the same folder and port. */
  async start(): Promise<void> {
    if (this.#process !== null && !this.#process.hasEnded) return;
    const [java, jars] = await Promise.all([findJava(21), registryJars()]);
    await makeFolder(this.dir);
    // With a write delay of 0, a schema is on disk when it is acknowledged.
    const database = `jdbc:h2:file:${path.join(this.dir, 'schemas')};WRITE_DELAY=0`;
    const settings = {
      'quarkus.http.host': '127.0.0.1',
      'quarkus.http.port': this.port,
      // Without this it also listens on port 9000 of every address, and two registries on one machine would collide.
      'quarkus.management.host': '127.0.0.1',
      'quarkus.management.port': 0,
      // Without this it tries to send traces to a collector.
      'quarkus.otel.sdk.disabled': true,
      'apicurio.datasource.url': database,
    };
    const properties = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
    const args = [...jvmFlags, markOf(this.dir), ...properties, '-jar', path.join(jars, 'quarkus-run.jar')];
    const log = path.join(this.dir, 'registry.log');
    const started = new JavaProcess({ java, args, dir: this.dir, log, detached: this.#detached });
    this.#process = started;
    const answers = async () => {
      if (started.hasEnded)
        throw new Error(`the registry in ${this.dir} ended as it started:\n${await started.lastOutput()}`);
      return isRegistryAnswering(this.url);
    };
    await waitFor(`the registry in ${this.dir} to answer`, answers, startTimeoutMs);
  }

  /** Kills it with SIGKILL, like a crash. */
  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM');
  }
}

export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** True when a registry answers at this address, else null. */
export async function isRegistryAnswering(url: string): Promise<true | null> {
  const answer = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(2_000) }).catch(() => null);
  return answer?.ok ? true : null;
}
