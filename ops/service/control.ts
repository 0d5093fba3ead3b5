import type { KafkaOptions } from '../../connectors/kafka/client/options.ts';
import { untilReached } from '../../connectors/kafka/client/retry-until-connected.ts';
import { KafkaSource } from '../../connectors/kafka/kafka-source.ts';
import { StatusTopic } from '../../connectors/kafka/status-topic.ts';
import { KafkaCluster } from '../../connectors/kafka/topics/cluster.ts';
import { checkTopics } from '../../connectors/kafka/topics/topic-checks.ts';
import type { TidemarkError } from '../../pipeline/errors.ts';
import type { Log, LogEnd, SchemaRegistry } from '../../pipeline/ports.ts';
import { serveControl } from '../../pipeline/requests/control.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import { publishNext, publishStatuses } from '../../pipeline/requests/status-publishing.ts';
import { pause, within } from '../../pipeline/waiting.ts';
import { kafkaOptionsOf } from '../kafka-options.ts';
import type { ExportParts } from '../main.ts';
import type { Config } from '../settings.ts';
import type { ControlMetrics } from './control-metrics.ts';
import { keptMembership } from './member-file.ts';
import { type Unready, unready } from './readiness.ts';
import { statusEncoding } from './status-encoding.ts';
import { Watch } from './watch.ts';

export interface Controlling {
  readonly config: Config;
  readonly log: Log;
  readonly store: ExportParts['store'];
  readonly jobs: Jobs;
  /** Null where all requests are JSON. */
  readonly registry: SchemaRegistry | null;
  /** Ends the reading; statuses are sent until `stop`. */
  readonly signal: AbortSignal;
  /** Called with what makes going on wrong. */
  readonly onCrash: (error: unknown) => void;
}

/** How long statuses may take that were not sent when all else has stopped; the next start sends the others. */
const lastStatusesMs = 3_000;
const closePatienceMs = 1_000;

/** The control topic and the status topic of the running service. */
export class Control {
  readonly #parts: Controlling;
  readonly #options: KafkaOptions;
  readonly #topics: { readonly control: string; readonly status: string };
  readonly #stopping = new AbortController();
  #reading: () => string | null = () => 'the control topic is not reached yet';
  #ends: () => readonly LogEnd[] = () => [];
  #publishing: string | null = null;
  #published: Promise<void> = Promise.resolve();
  #sink: StatusTopic | null = null;
  #metrics: ControlMetrics | null = null;

  private constructor(parts: Controlling, topics: { readonly control: string; readonly status: string }) {
    const { config } = parts;
    this.#parts = parts;
    this.#topics = topics;
    this.#options = {
      ...kafkaOptionsOf(config),
      topics: [topics.control],
      // Each service reads a topic of its own: in one group they would wait for each other.
      group: `${config.kafka_group}-${topics.control}`,
      partitions: null,
      // A position, with its bookmark, after each record.
      batchRecords: 1,
      // A request is served when it comes, not when more have come.
      fetchMinBytes: 1,
    };
  }

  /** Null where no control topic is configured. Throws `CONFIG_INVALID` where it is without Kafka. */
  static of(parts: Controlling): Control | null {
    const { control_topic: control, status_topic: status } = parts.config;
    return control === null || status === null ? null : new Control(parts, { control, status });
  }

  /** What keeps requests or statuses from going through. */
  get problems(): readonly Unready[] {
    return [
      ...unready('requests of the control topic are not read', this.#reading()),
      ...unready('statuses cannot be sent', this.#publishing),
    ];
  }

  /** How far the control topic reached when it was last looked at. */
  get ends(): readonly LogEnd[] {
    return this.#ends();
  }

  /** Sends statuses, also those that a dead process left. */
  publish(metrics: ControlMetrics): void {
    const { config, store, log, onCrash } = this.#parts;
    this.#metrics = metrics;
    const signal = this.#stopping.signal;
    const topic = this.#topics.status;
    const sink = new StatusTopic({ ...this.#options, topic, encode: statusEncoding(config, topic, signal) }, log);
    this.#sink = sink;
    this.#published = publishStatuses({
      outbox: store.outbox,
      sink,
      signal,
      pause,
      onSent: entries => metrics.published(entries.length),
      onProblem: problem => this.#tellPublishing(problem),
    }).catch(onCrash);
  }

  /**
   * Serves the control topic until the signal aborts. It begins when the log of events can be looked at, because what it
   * holds then is what an export waits for.
   */
  async read(isReady: () => boolean): Promise<void> {
    const { log, signal } = this.#parts;
    while (!isReady() && !signal.aborted) await pause(100, signal);
    const onProblem = (problem: string): void => {
      this.#reading = () => problem;
    };
    const cluster = await KafkaCluster.open(this.#options, log, signal, onProblem);
    try {
      const topics = [this.#topics.control];
      const { brokers } = this.#options;
      await untilReached({ what: 'look at the control topic', brokers, log, signal, onProblem }, async () => {
        await checkTopics({ cluster, topics, horizonMs: 0, now: Date.now() });
        await cluster.topicSettings(this.#topics.status);
      });
      log.info({ control_topic: this.#topics.control, status_topic: this.#topics.status }, 'requests are read');
      await this.#serve(cluster);
    } finally {
      await cluster.close();
    }
  }

  /** Reading and watching: whichever fails ends the service, and so the other. */
  async #serve(cluster: KafkaCluster): Promise<void> {
    const { config, store, jobs, registry, log, signal, onCrash } = this.#parts;
    const membership = keptMembership(`${config.db}.control`, this.#options.group);
    const source = new KafkaSource(cluster, this.#options, log, membership);
    const watch = new Watch({
      source: {
        assigned: () => source.assigned,
        ends: () => source.ends(),
        tell: async () => source.tellGroup(await store.control.positions()),
      },
      positions: () => [],
      log,
      signal,
    });
    this.#ends = () => watch.ends;
    const unassigned = `no partition of the control topic ${this.#topics.control} is assigned to this process`;
    this.#reading = () => source.problem ?? watch.problem ?? (source.assigned.length === 0 ? unassigned : null);
    const onServed = (): void => this.#metrics?.read();
    const parts = [serveControl({ source, registry, store: store.control, jobs, signal, onServed }), watch.run()];
    for (const part of parts) part.catch(onCrash);
    await Promise.allSettled(parts);
  }

  /** To be called when jobs have stopped: what they said last is sent, within bounds. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const sink = this.#sink;
    if (sink === null) return;
    const late = new AbortController();
    // One that is under way may wait long for a broker that does not answer.
    const sent = await within(lastStatusesMs, this.#sendLast(sink, late.signal));
    late.abort();
    if (sent === 'late') this.#parts.log.warn({}, 'not all statuses could be sent; the next start sends them');
    await within(closePatienceMs, sink.close());
  }

  async #sendLast(sink: StatusTopic, late: AbortSignal): Promise<void> {
    await this.#published;
    const { outbox } = this.#parts.store;
    if (this.#publishing !== null) return;
    while (!late.aborted && (await publishNext({ outbox, sink }).catch(() => false)));
  }

  #tellPublishing(problem: TidemarkError | null): void {
    const { log } = this.#parts;
    if (problem === null && this.#publishing !== null) log.info({}, 'statuses are published again');
    if (problem !== null && this.#publishing === null) log.error({ code: problem.code }, problem.message);
    this.#publishing = problem?.message ?? null;
  }
}
