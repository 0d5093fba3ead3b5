import type { TopicFinding } from '../../connectors/kafka/topics/topic-checks.ts';
import type { RegistryHttp } from '../../connectors/schema-registry/http.ts';
import { codeOf } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import { orAborted, pause } from '../../pipeline/waiting.ts';
import { checkSubjects } from '../schema-registry.ts';
import type { Config } from '../settings/settings.ts';
import type { LiveSource } from './live-source.ts';
import type { ServiceMetrics } from './metrics.ts';
import type { Unready } from './readiness.ts';

const checkEveryMs = 60_000;

interface EnvironmentParts {
  readonly config: Pick<Config, 'kafka_topics'>;
  readonly source: Pick<LiveSource, 'check'>;
  /** Null where no schema registry is configured. */
  readonly registry: RegistryHttp | null;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly metrics: Pick<ServiceMetrics, 'setFindings'>;
}

const general: Readonly<Partial<Record<TopicFinding['kind'], string>>> = {
  compacted: 'a topic is compacted',
  no_right: 'statuses cannot be sent',
};

/**
 * Looks every minute at what is outside of the service and may change while it runs: the settings of all topics, rights, and
 * the subjects of the registry. It only reports: a check that fails stops nothing.
 */
export class EnvironmentWatch {
  readonly #parts: EnvironmentParts;
  #problems: readonly Unready[] = [];
  /** What was found the last time: a sentence is logged once, until it is not found any more. */
  #found: ReadonlySet<string> = new Set();

  constructor(parts: EnvironmentParts) {
    this.#parts = parts;
  }

  /** Why the service cannot do all of its work. */
  get problems(): readonly Unready[] {
    return this.#problems;
  }

  /** Runs until the signal aborts. To be called when the source is connected. */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    while (!signal.aborted) {
      await orAborted(signal, this.#check());
      await pause(checkEveryMs, signal);
    }
  }

  async #check(): Promise<void> {
    const { source, metrics, signal } = this.#parts;
    const found = new Set<string>();
    let isWhole = true;
    const failed = (error: unknown): void => {
      isWhole = false;
      // It only reports, so even a bug in it stops nothing.
      const message = error instanceof Error ? error.message : String(error);
      if (!signal.aborted) this.#log(found, { code: codeOf(error) }, message);
    };
    const checked = await source.check().catch(failed);
    if (checked !== undefined) {
      const { findings, failures } = checked;
      failures.forEach(failed);
      this.#problems = findings
        .filter(({ weight }) => weight !== 'warn')
        .map(({ kind, sentence }) => ({ general: general[kind] ?? 'a topic has a problem', detail: sentence }));
      metrics.setFindings(findings);
      for (const { topic, kind, sentence } of findings)
        this.#log(found, { code: 'TOPIC_UNFIT', topic, kind }, sentence);
    }
    const subjects = await this.#checkSubjects().catch(failed);
    if (typeof subjects === 'string') this.#log(found, { code: 'REGISTRY_UNREACHABLE' }, subjects);
    // What a check that failed did not find again was not shown to be mended.
    this.#found = isWhole ? found : new Set([...this.#found, ...found]);
  }

  async #checkSubjects(): Promise<string | null> {
    const { config, registry, signal } = this.#parts;
    return registry === null ? null : checkSubjects(registry, config, signal);
  }

  #log(found: Set<string>, facts: Readonly<Record<string, unknown>>, sentence: string): void {
    if (!this.#found.has(sentence)) this.#parts.log.warn(facts, sentence);
    found.add(sentence);
  }
}
