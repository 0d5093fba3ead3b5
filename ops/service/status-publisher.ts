import type { KafkaOptions } from '../../connectors/kafka/client/options.ts';
import { type EncodeStatus, StatusTopic } from '../../connectors/kafka/status-topic.ts';
import { AvroStatuses } from '../../connectors/schema-registry/avro-statuses.ts';
import type { TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import { publishNext, publishStatuses } from '../../pipeline/requests/status-publishing.ts';
import type { Outbox } from '../../pipeline/requests/statuses.ts';
import { pause, within } from '../../pipeline/waiting.ts';
import { openRegistryHttp } from '../schema-registry.ts';
import type { Config } from '../settings/settings.ts';
import type { ControlMetrics } from './control-metrics.ts';
import { logBadFile } from './log.ts';

interface StatusPublisherParts {
  readonly config: Config;
  readonly options: KafkaOptions;
  /** The status topic. */
  readonly topic: string;
  readonly outbox: Outbox;
  readonly metrics: ControlMetrics;
  readonly log: Log;
  /** Called with an unexpected error; the service must stop. */
  readonly onCrash: (error: unknown) => void;
}

/** When everything else has stopped, the remaining statuses are sent for this long; the next start sends the others. */
const lastStatusesMs = 3_000;
const closeWithinMs = 1_000;

/** Sends statuses from the outbox to the status topic. */
export class StatusPublisher {
  readonly #parts: StatusPublisherParts;
  readonly #stopping = new AbortController();
  readonly #topic: StatusTopic;
  readonly #sending: Parameters<typeof publishNext>[0];
  readonly #published: Promise<void>;
  #problem: string | null = null;

  private constructor(parts: StatusPublisherParts) {
    const { config, options, topic, outbox, metrics, log, onCrash } = parts;
    const { signal } = this.#stopping;
    this.#parts = parts;
    this.#topic = new StatusTopic({ ...options, topic, encode: encodingOf(config, { topic, signal, log }) }, log);
    this.#sending = {
      outbox,
      sender: this.#topic,
      onSent: count => metrics.published(count),
      onDropped(requestId, reason) {
        metrics.dropped();
        log.warn({ code: 'STATUS_TOO_LARGE', request_id: requestId }, `a status is dropped: ${reason}`);
      },
    };
    this.#published = publishStatuses({
      ...this.#sending,
      signal,
      pause,
      onProblem: problem => this.#report(problem),
    }).catch(onCrash);
  }

  /** Begins to send, also the statuses that a dead process left. */
  static start(parts: StatusPublisherParts): StatusPublisher {
    return new StatusPublisher(parts);
  }

  /** Why statuses cannot be sent; null when they can. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Sends what is left, for a few seconds at most, and closes the connection. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const late = new AbortController();
    // A send that is under way may wait long for a broker that does not answer.
    const sent = await within(lastStatusesMs, this.#sendLast(late.signal));
    late.abort();
    if (sent === 'late')
      this.#parts.log.warn({ code: 'SOURCE_UNREACHABLE' }, 'not all statuses could be sent; the next start sends them');
    await within(closeWithinMs, this.#topic.close());
  }

  async #sendLast(late: AbortSignal): Promise<void> {
    await this.#published;
    if (this.#problem !== null) return;
    while (!late.aborted && (await publishNext(this.#sending).catch(() => false)));
  }

  #report(problem: TidemarkError | null): void {
    const { log } = this.#parts;
    if (problem === null && this.#problem !== null) log.info({}, 'statuses are published again');
    if (problem !== null && this.#problem === null) log.error({ code: problem.code }, problem.message);
    this.#problem = problem?.message ?? null;
  }
}

/** Returns JSON unchanged, or encodes Avro with the registry's schema; the signal ends the wait for that schema's id. */
function encodingOf(
  config: Config,
  { topic, signal, log }: { readonly topic: string; readonly signal: AbortSignal; readonly log: Log },
): EncodeStatus {
  const http = config.status_format === 'avro' ? openRegistryHttp(config, logBadFile(log)) : null;
  if (http === null) return async status => status;
  const statuses = new AvroStatuses(http, topic);
  return status => statuses.encode(status, signal);
}
