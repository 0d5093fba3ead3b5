import type { Registry } from 'prom-client';
import type { KafkaOptions } from '../../connectors/kafka/client/options.ts';
import type { LogEnd } from '../../pipeline/ports.ts';
import { controlGroupOf, kafkaOptionsOf } from '../kafka-options.ts';
import type { ExportParts } from '../main.ts';
import type { Config } from '../settings/settings.ts';
import { ControlMetrics } from './control-metrics.ts';
import { ControlTopic, type ControlTopicParts } from './control-topic.ts';
import { type Unready, unready } from './readiness.ts';
import { StatusPublisher } from './status-publisher.ts';

export interface ControlParts
  extends Pick<ControlTopicParts, 'config' | 'log' | 'jobs' | 'replays' | 'registry' | 'signal' | 'onCrash'> {
  readonly exporting: Pick<ExportParts, 'store'>;
  /** Where the metrics of both topics go. */
  readonly metrics: Registry;
}

/** The control topic, from which requests are read, and the status topic, to which their states are sent. */
export class Control {
  readonly #topic: ControlTopic;
  readonly #publisher: StatusPublisher;

  private constructor(topic: ControlTopic, publisher: StatusPublisher) {
    this.#topic = topic;
    this.#publisher = publisher;
  }

  /**
   * Starts sending statuses at once, also those that a dead process left. No request is read before `read` is called. Null
   * where no control topic is configured. Throws `CONFIG_INVALID` for a control topic without Kafka.
   */
  static open(parts: ControlParts): Control | null {
    const { control_topic: topic, status_topic: statusTopic } = parts.config;
    if (topic === null || statusTopic === null) return null;
    const options = optionsOf(parts.config, topic);
    const { store } = parts.exporting;
    const metrics = new ControlMetrics(parts.metrics, () => store.outbox.count());
    const publisher = StatusPublisher.start({ ...parts, metrics, options, topic: statusTopic, outbox: store.outbox });
    return new Control(new ControlTopic({ ...parts, metrics, store, options, topic, statusTopic }), publisher);
  }

  /** Why requests are not read, and why statuses are not sent; empty when both work. */
  get problems(): readonly Unready[] {
    return [
      ...unready('requests of the control topic are not read', this.#topic.problem),
      ...unready('statuses cannot be sent', this.#publisher.problem),
    ];
  }

  /** How far the control topic reached when it was last looked at. */
  get ends(): readonly LogEnd[] {
    return this.#topic.ends;
  }

  /** Serves requests until the signal aborts; begins when `isReady` returns true. */
  read(isReady: () => boolean): Promise<void> {
    return this.#topic.read(isReady);
  }

  /** To be called when the jobs have stopped: their last statuses are sent, for a few seconds at most. */
  stop(): Promise<void> {
    return this.#publisher.stop();
  }
}

function optionsOf(config: Config, topic: string): KafkaOptions {
  return {
    ...kafkaOptionsOf(config),
    topics: [topic],
    group: controlGroupOf(config, topic),
    partitions: null,
    // One record per batch, so that a position with its bookmark is stored after each request.
    batchRecords: 1,
    // A fetch returns as soon as it has one request, because clients wait for the answer.
    fetchMinBytes: 1,
  };
}
