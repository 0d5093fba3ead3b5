import { lastGood } from '../connectors/last-good.ts';
import { ConfluentRegistry, type ReportProblem } from '../connectors/schema-registry/confluent-registry.ts';
import { RegistryHttp } from '../connectors/schema-registry/http.ts';
import { listSubjects } from '../connectors/schema-registry/subjects.ts';
import { TidemarkError } from '../pipeline/errors.ts';
import { readAuthorities } from './settings/certificates.ts';
import { checkAll } from './settings/setting-file.ts';
import type { Config } from './settings/settings.ts';

/** Called with why a changed file of certificates cannot be used; the former content stays. */
type ReportBadFile = (reason: string) => void;

/**
 * The configured schema registry; null where none is configured. `report` is called with the problem when a request to the
 * registry fails, and with null when a later request succeeds.
 */
export function openSchemaRegistry(
  config: Config,
  report: ReportProblem,
  reportBadFile: ReportBadFile,
): ConfluentRegistry | null {
  const http = openRegistryHttp(config, reportBadFile);
  return http === null ? null : new ConfluentRegistry(http, { clock: { now: () => performance.now() }, report });
}

/** The registry of a command: what it waits for is told as notices. Null and errors as of `openSchemaRegistry`. */
export function openNoticedRegistry(config: Config, notice: (sentence: string) => void): ConfluentRegistry | null {
  const report: ReportProblem = problem =>
    notice(problem === null ? 'the schema registry answers again' : `waiting: ${problem}`);
  return openSchemaRegistry(config, report, notice);
}

/** The HTTP client of the configured registry; null where none is. Throws `CONFIG_INVALID` as `checkRegistry` does. */
export function openRegistryHttp(config: Config, reportBadFile: ReportBadFile): RegistryHttp | null {
  checkRegistry(config);
  const { registry_url: url, registry_username: username, registry_password: password } = config;
  if (url === null) return null;
  const account = username === null || password === null ? null : { username, password: password.reveal() };
  const authorities = lastGood(() => readAuthorities(config, 'registry_ca_file'), reportBadFile);
  return new RegistryHttp({
    url,
    account,
    get authorities() {
      return authorities();
    },
  });
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

/** Throws `CONFIG_INVALID` naming every combination of settings that is not allowed, and a file that cannot be used. */
export function checkRegistry(config: Config): void {
  const combinations = (): void => {
    const faults = faultsOf(config);
    if (faults.length > 0) throw new TidemarkError('CONFIG_INVALID', faults.join('\n'));
  };
  checkAll([combinations, () => readAuthorities(config, 'registry_ca_file')]);
}

function faultsOf(config: Config): readonly string[] {
  const { registry_url: url, registry_username: username, registry_password: password } = config;
  const faults: string[] = [];
  if (url === null && config.key_format === 'avro') faults.push('key_format avro needs registry_url');
  if (url === null && config.status_format === 'avro') faults.push('status_format avro needs registry_url');
  if (url === null && username !== null) faults.push('registry_username needs registry_url');
  if (url !== null && (username === null) !== (password === null))
    faults.push('registry_username and registry_password need each other');
  // Over plain HTTP nothing would be checked against the authorities.
  if (config.registry_ca_file !== null && (url === null || new URL(url).protocol !== 'https:'))
    faults.push('registry_ca_file needs a registry_url that begins with https://');
  return faults;
}
