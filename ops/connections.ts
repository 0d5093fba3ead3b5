import { existsSync } from 'node:fs';
import { openExportDirectory } from '../connectors/export-directory/local-export-directory.ts';
import { KafkaCluster } from '../connectors/kafka/topics/cluster.ts';
import { checkTopics } from '../connectors/kafka/topics/topic-checks.ts';
import { TidemarkError } from '../pipeline/errors.ts';
import type { Log } from '../pipeline/ports.ts';
import { kafkaOptionsOf, topicChecksOf } from './kafka-options.ts';
import { checkSubjects, openRegistryHttp } from './schema-registry.ts';
import type { Config } from './settings/settings.ts';

/**
 * Looks at the export root, connects to the brokers and the schema registry that the settings name, and checks what `run`
 * checks. Returns what somebody should know of, as sentences. Throws the error with which `run` would end, would not become
 * ready, or of which it would only warn because it cannot check something, without trying again: `CONFIG_INVALID`,
 * `NOT_WRITABLE`, `SOURCE_UNREACHABLE`, `SOURCE_REFUSED`, `TOPIC_UNFIT`, `REGISTRY_UNREACHABLE`, `REGISTRY_REFUSED`.
 */
export async function checkConnections(config: Config, signal: AbortSignal): Promise<readonly string[]> {
  // One that does not exist is made by `run`.
  if (existsSync(config.export_root)) await openExportDirectory({ root: config.export_root });
  const ofTopics = config.kafka_brokers.length === 0 ? [] : await checkKafka(config, signal);
  const registry = openRegistryHttp(config, () => undefined);
  const ofSubjects = registry === null ? null : await checkSubjects(registry, config, signal);
  return ofSubjects === null ? ofTopics : [...ofTopics, ofSubjects];
}

async function checkKafka(config: Config, signal: AbortSignal): Promise<readonly string[]> {
  const cluster = await connectOnce(config, signal);
  try {
    const { findings, failures } = await checkTopics({ ...topicChecksOf(config), cluster, now: Date.now() });
    if (failures.length > 0) throw failures[0];
    const faults = findings.filter(({ weight }) => weight !== 'warn');
    if (faults.length === 0) return findings.map(({ sentence }) => sentence);
    throw new TidemarkError('TOPIC_UNFIT', faults.map(({ sentence }) => sentence).join('\n'));
  } finally {
    await cluster.close();
  }
}

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Throws the first failure, which a service would wait out. */
async function connectOnce(config: Config, signal: AbortSignal): Promise<KafkaCluster> {
  const failed = new AbortController();
  let problem: string | null = null;
  const onProblem = (reason: string): void => {
    problem = reason;
    failed.abort();
  };
  try {
    return await KafkaCluster.open(kafkaOptionsOf(config), silent, AbortSignal.any([signal, failed.signal]), onProblem);
  } catch (error) {
    throw problem === null ? error : new TidemarkError('SOURCE_UNREACHABLE', problem, { cause: error });
  }
}
