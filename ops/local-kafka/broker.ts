import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '../../connectors/disk.ts';
import { loadKafkaJs } from '../../connectors/kafka/client/load-kafkajs.ts';
import { brokerSettings } from './broker-settings.ts';
import { findJava, kafkaJars } from './java.ts';
import { JavaProcess } from './java-process.ts';
import { markOf } from './state.ts';
import { exists, runTool } from './tools.ts';
import { freePort, startTimeoutMs, waitFor } from './waiting.ts';

type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';

export interface BrokerOptions {
  /** Its own folder: data, settings and log. A second start on the same folder finds the records of the first. */
  readonly dir: string;
  /** The version of Kafka, such as `3.9.1`; by default the newest that is supported. */
  readonly version?: string;
  /** The port of the plain listener; by default a free one. */
  readonly port?: number;
  /** Further listeners by name; each gets a free port. */
  readonly listeners?: Readonly<Record<string, SecurityProtocol>>;
  /** Further settings of the server, which replace those of the template. */
  readonly properties?: Readonly<Record<string, string>>;
  /** The first node of a cluster to join, and the number to join as; by default the node is the first of its own cluster. */
  readonly joins?: { readonly first: Broker; readonly node: number };
  /** Further arguments for formatting the data folder, such as SCRAM users. */
  readonly formatArgs?: readonly string[];
  /** True when the broker should keep running after this process has ended. */
  readonly detached?: boolean;
}

const plain = 'PLAINTEXT';
const jvmFlags = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];

/** One Apache Kafka node on the loopback interface, as a Java process. */
export class Broker {
  readonly dir: string;
  readonly #options: BrokerOptions;
  readonly #ports: Readonly<Record<string, number>>;
  readonly #controllerPort: number;
  #process: JavaProcess | null = null;

  private constructor(options: BrokerOptions, ports: Readonly<Record<string, number>>, controllerPort: number) {
    this.dir = options.dir;
    this.#options = options;
    this.#ports = ports;
    this.#controllerPort = controllerPort;
  }

  /** Starts it and waits until it answers requests. */
  static async start(options: BrokerOptions): Promise<Broker> {
    const ports: Record<string, number> = { [plain]: options.port ?? (await freePort()) };
    for (const name of Object.keys(options.listeners ?? {})) ports[name] = await freePort();
    const broker = new Broker(options, ports, await freePort());
    await broker.start();
    return broker;
  }

  get port(): number {
    return this.#ports[plain]!;
  }

  /** Bootstrap servers of the plain listener. */
  get brokers(): readonly string[] {
    return [this.address(plain)];
  }

  address(listener: string): string {
    const port = this.#ports[listener];
    if (port === undefined)
      throw new Error(`no listener ${listener}; there are ${Object.keys(this.#ports).join(', ')}`);
    return `127.0.0.1:${port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it again, after a stop or a kill, on the same folder and ports. */
  async start(): Promise<void> {
    if (this.#process !== null && !this.#process.hasEnded) return;
    const [java, jars] = await Promise.all([findJava(17), kafkaJars(this.#options.version)]);
    const base = [...jvmFlags, markOf(this.dir), '-cp', path.join(jars, '*')];
    const settings = path.join(this.dir, 'server.properties');
    await makeFolder(this.dir);
    await writeFile(settings, await this.#settings());
    if (!(await exists(path.join(this.dir, 'data/meta.properties')))) await this.#format(java, base, settings);
    const log = path.join(this.dir, 'kafka.log');
    const { detached = false } = this.#options;
    const args = [...base, 'kafka.Kafka', settings];
    this.#process = new JavaProcess({ java, args, dir: this.dir, log, detached });
    await this.#waitUntilAnswering(this.#process);
  }

  /** Kills it with SIGKILL, like a crash. */
  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#process?.end('SIGTERM');
  }

  async #format(java: string, base: readonly string[], settings: string): Promise<void> {
    const { formatArgs = [], joins } = this.#options;
    const firstDir = joins?.first.dir ?? this.dir;
    const id = createHash('sha256').update(firstDir).digest('hex').slice(0, 22);
    const args = [...base, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', settings, ...formatArgs];
    await runTool(java, args, `the folder ${this.dir} must be made ready for Kafka`);
  }

  async #settings(): Promise<string> {
    const { listeners = {}, properties = {}, joins } = this.#options;
    const protocols = Object.entries({ [plain]: plain, ...listeners });
    const addresses = protocols.map(([name]) => `${name}://${this.address(name)}`).join(',');
    return brokerSettings({
      listeners: addresses,
      advertised: addresses,
      protocols: protocols.map(([name, protocol]) => `${name}:${protocol}`).join(','),
      controllerPort: (joins?.first ?? this).#controllerPort,
      data: path.join(this.dir, 'data'),
      properties: { ...(joins === undefined ? {} : furtherBroker(joins.node, addresses)), ...properties },
    });
  }

  /** An open port is not enough: a node serves requests once the cluster lists it as a member. */
  async #waitUntilAnswering(started: JavaProcess): Promise<void> {
    const answers = async () => {
      if (started.hasEnded) throw new Error(`Kafka in ${this.dir} ended as it started:\n${await started.lastOutput()}`);
      return isAnswering(this.brokers);
    };
    await waitFor(`Kafka in ${this.dir} to answer`, answers, startTimeoutMs);
  }
}

/** The settings in which a node that is no controller differs. */
function furtherBroker(node: number, listeners: string): Readonly<Record<string, string>> {
  return { 'node.id': String(node), 'process.roles': 'broker', listeners };
}

/** True when a cluster answers and lists a member, else null. */
export async function isAnswering(brokers: readonly string[]): Promise<true | null> {
  const { Kafka, logLevel } = loadKafkaJs();
  const retry = { retries: 0 };
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry, connectionTimeout: 1_000 });
  const admin = kafka.admin({ retry });
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0 ? true : null;
  } catch {
    return null;
  } finally {
    await admin.disconnect();
  }
}
