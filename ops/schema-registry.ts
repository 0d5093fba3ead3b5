import { readFileSync } from 'node:fs';
import { ConfluentRegistry, type ReportProblem } from '../connectors/schema-registry/confluent-registry.ts';
import { RegistryHttp } from '../connectors/schema-registry/http.ts';
import { listSubjects } from '../connectors/schema-registry/subjects.ts';
import { TidemarkError } from '../pipeline/errors.ts';
import type { Config } from './settings/settings.ts';

/**
 * The configured schema registry; null where none is configured. `report` is called with the problem when a request to the
 * registry fails, and with null when a later request succeeds.
 */
export function openSchemaRegistry(config: Config, report: ReportProblem): ConfluentRegistry | null {
  const http = openRegistryHttp(config);
  return http === null ? null : new ConfluentRegistry(http, { clock: { now: () => performance.now() }, report });
}

/** The HTTP client of the configured registry; null where none is. Throws `CONFIG_INVALID` naming every combination of settings that is not allowed. */
export function openRegistryHttp(config: Config): RegistryHttp | null {
  const { registry_url: url, registry_username: username, registry_password: password } = config;
  const faults: string[] = [];
  if (url === null && config.key_format === 'avro') faults.push('key_format avro needs registry_url');
  if (url === null && config.status_format === 'avro') faults.push('status_format avro needs registry_url');
  if (url === null && username !== null) faults.push('registry_username needs registry_url');
  if ((username === null) !== (password === null))
    faults.push('registry_username and registry_password need each other');
  const authorities = readAuthorities(config.registry_ca_file, faults);
  if (faults.length > 0) throw new TidemarkError('CONFIG_INVALID', faults.join('\n'));
  if (url === null) return null;
  const account = username === null || password === null ? null : { username, password: password.reveal() };
  return new RegistryHttp({ url, account, authorities });
}

/**
 * Asks the registry for its subjects. Returns what is wrong with them: none belongs to a topic of events, so that this is
 * perhaps not the registry of their producers; null where one does. Throws as `RegistryHttp` does.
 */
export async function checkSubjects(
  http: RegistryHttp,
  { kafka_topics: topics }: Pick<Config, 'kafka_topics'>,
  signal: AbortSignal,
): Promise<string | null> {
  const subjects = await listSubjects(http, signal);
  if (topics.length === 0 || subjects.some(subject => topics.some(topic => subject.startsWith(`${topic}-`))))
    return null;
  const problem = `the schema registry ${http.url} has no subject of ${topics.join(', ')}`;
  return `${problem}; correct registry_url, or register schemas with: tidemark schemas register --topic ${topics[0]}`;
}

function readAuthorities(file: string | null, faults: string[]): string | null {
  if (file === null) return null;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    faults.push(`registry_ca_file is ${JSON.stringify(file)}; it cannot be read: ${reason}`);
    return null;
  }
}
