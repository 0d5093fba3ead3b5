import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { kafkaVersion, registryVersion } from '../../ops/local-kafka/java.ts';
import { readConfig } from '../../ops/settings/config.ts';
import { settings } from '../../ops/settings/settings.ts';
import { readPackage } from '../../ops/software.ts';
import { makeCertificates } from '../support/kafka/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Service {
  readonly image: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly hostname?: string;
  readonly healthcheck?: {
    readonly test: readonly string[];
    readonly interval: string;
    readonly start_interval?: string;
  };
  readonly stop_grace_period?: string;
}

interface Stage {
  readonly name: string;
  readonly copies: readonly {
    readonly from: string | null;
    readonly sources: readonly string[];
    readonly to: string;
  }[];
  readonly text: string;
}

const compose: { services: Record<string, Service>; volumes: object } = parse(
  await readFile('docker-compose.yml', 'utf8'),
);
const { kafka, topics, registry, tidemark } = compose.services as Record<string, Service>;
const stages = stagesOf(await readFile('Dockerfile', 'utf8'));
const last = stages.at(-1)!;
const variables = Object.fromEntries(
  Array.from(last.text.matchAll(/\b(TIDEMARK_\w+)=(\S+)/g), ([, name, value]) => [name!, value!]),
);

/** The stages of a Dockerfile, with what each copies. */
function stagesOf(dockerfile: string): readonly Stage[] {
  const [, ...parts] = dockerfile.replaceAll('\\\n', ' ').split(/^FROM /m);
  return parts.map(text => ({
    name: /^\S+ AS (\S+)/.exec(text)?.[1] ?? '',
    text,
    copies: Array.from(text.matchAll(/^COPY (?:--from=(\S+) )?(.+)$/gm), ([, from = null, words = '']) => {
      const places = words.split(' ');
      return { from, sources: places.slice(0, -1), to: places.at(-1)! };
    }),
  }));
}

describe('docker-compose.yml', () => {
  test('sets only variables that are settings of Tidemark, and so does the image', () => {
    const given = Object.entries(tidemark!.environment).map(([name, value]) => [name, String(value)]);
    const environment = { ...variables, ...Object.fromEntries(given) };
    const { config, places } = readConfig({ file: 'tidemark.example.yaml', environment, flags: {} });
    expect(config.kafka_topics).toEqual(['calls']);
    expect(Object.values(places).filter(place => place.startsWith('TIDEMARK_'))).toHaveLength(
      Object.keys(environment).length,
    );
  });

  test('gives Tidemark the addresses, the topic and the ports of the other services', () => {
    const { TIDEMARK_KAFKA_BROKERS: brokers, TIDEMARK_KAFKA_TOPICS: topic } = tidemark!.environment;
    expect(kafka!.environment.KAFKA_ADVERTISED_LISTENERS).toContain(`//${brokers},`);
    expect(registry!.environment.APICURIO_KAFKASQL_BOOTSTRAP_SERVERS).toBe(brokers);
    expect(topics!.command).toContain(topic);
    expect(registry!.healthcheck!.test.join(' ')).toContain(
      String(tidemark!.environment.TIDEMARK_REGISTRY_URL).replace('registry', '127.0.0.1'),
    );
    expect(tidemark!.ports).toEqual([`127.0.0.1:${variables.TIDEMARK_HTTP_PORT}:${settings.http_port.default}`]);
  });

  test('has the versions that the tests use, and Kafka keeps records of any age', () => {
    expect(kafka!.image).toBe(`apache/kafka:${kafkaVersion}`);
    expect(topics!.image).toBe(kafka!.image);
    expect(registry!.image).toBe(`apicurio/apicurio-registry:${registryVersion}`);
    expect(kafka!.environment.KAFKA_LOG_RETENTION_MS).toBe(-1);
    expect(topics!.command).toContain('retention.ms=-1');
  });

  test('starts each service after the ones it needs are healthy, and gives Tidemark time to stop', () => {
    for (const { depends_on = {} } of Object.values(compose.services))
      for (const [name, { condition }] of Object.entries(depends_on)) {
        if (condition === 'service_healthy') expect(compose.services[name]!.healthcheck, name).toBeDefined();
        else expect(condition, name).toBe('service_completed_successfully');
      }
    const graceMs = Number(/^(\d+)s$/.exec(tidemark!.stop_grace_period!)![1]) * 1000;
    expect(graceMs).toBeGreaterThan(settings.stop_deadline_ms.default);
  });

  test('checks Kafka often only while it starts, and fixes the host name by which a group member is recognised', () => {
    expect(kafka!.healthcheck).toMatchObject({ interval: '30s', start_interval: '5s' });
    expect(tidemark!.hostname).toBe('tidemark');
  });

  test('names its volumes, and mounts them at the data folders of the images', () => {
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes);
    expect(mounted.map(volume => volume.split(':')[0])).toEqual(Object.keys(compose.volumes));
    expect(JSON.parse(/^VOLUME (.+)$/m.exec(last.text)![1]!)).toEqual(
      tidemark!.volumes!.map(volume => volume.split(':')[1]),
    );
    expect(kafka!.volumes![0]).toBe(`kafka:${kafka!.environment.KAFKA_LOG_DIRS}`);
  });
});

describe('the Dockerfile', () => {
  test('copies only files that exist and that .dockerignore includes', async () => {
    const [all, ...allowed] = (await readFile('.dockerignore', 'utf8')).split('\n').filter(line => /^[^#]/.test(line));
    expect(all).toBe('*');
    const copied = stages.flatMap(({ copies }) => copies.filter(({ from }) => from === null));
    const sources = new Set(copied.flatMap(copy => copy.sources));
    for (const source of sources) expect(existsSync(source), source).toBe(true);
    expect(allowed.map(line => line.slice(1)).toSorted()).toEqual([...sources].toSorted());
    const names = stages.map(({ name }) => name);
    for (const { from } of stages.flatMap(({ copies }) => copies)) if (from !== null) expect(names).toContain(from);
  });

  test('is based on Node 20, and runs as a user without privileges', () => {
    for (const { text } of stages) expect(text).toMatch(/^node:20-slim\b/);
    expect(last.text).toMatch(/^USER node$/m);
    expect(last.text).toContain('/healthz');
  });

  test.each(['http', 'https'])('checks the health of the service over %s', async protocol => {
    const [command, ...args] = JSON.parse(/^HEALTHCHECK .*CMD (\[.+\])$/m.exec(last.text)![1]!) as string[];
    const server = protocol === 'http' ? createServer() : createTlsServer(await certificate());
    let status = 200;
    server.on('request', (request, response) => {
      response.writeHead(request.url === '/healthz' ? status : 404).end();
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const env = { ...process.env, TIDEMARK_HTTP_PORT: String((server.address() as AddressInfo).port) };
    const ask = () => promisify(execFile)(command!, args, { env });
    await expect(ask()).resolves.toBeDefined();
    status = 503;
    await expect(ask()).rejects.toMatchObject({ code: 1 });
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
    await expect(ask()).rejects.toMatchObject({ code: 1 });
  });

  /** One that nobody signed, with its key. */
  async function certificate() {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const { stores } = await makeCertificates(folder.path);
    const pem = await readFile(stores.good, 'utf8');
    return { key: pem, cert: pem };
  }

  test('compiles the files that it copies, and the result runs with the files of the last stage', async () => {
    const folder = await temporaryFolder();
    try {
      const built = await stageIn(folder.path, stages.find(({ name }) => name === 'build')!);
      await run(built, 'npm', ['run', '--silent', 'build']);
      const final = await stageIn(folder.path, last);
      await cp(path.join(built, 'dist'), path.join(final, 'dist'), { recursive: true });
      await chmod(path.join(final, 'dist/ops/tidemark.cjs'), 0o755);
      const data = path.join(folder.path, 'data');
      await mkdir(data);
      expect((await run(data, path.join(final, 'dist/ops/tidemark.cjs'), ['--version'])).trim()).toBe(
        readPackage().version,
      );
      await run(data, path.join(final, 'dist/ops/tidemark.cjs'), ['demo', '--json']);
    } finally {
      await folder.remove();
    }
  });

  /** What a stage has of our files, with the packages that are installed here. */
  async function stageIn(root: string, { name, copies }: Stage): Promise<string> {
    const folder = path.join(root, name || 'last');
    for (const { sources } of copies.filter(({ from }) => from === null))
      for (const source of sources) await cp(source, path.join(folder, source), { recursive: true });
    await symlink(path.resolve('node_modules'), path.join(folder, 'node_modules'));
    return folder;
  }

  async function run(cwd: string, command: string, args: readonly string[]): Promise<string> {
    return (await promisify(execFile)(command, [...args], { cwd, maxBuffer: 16 << 20 })).stdout;
  }
});
