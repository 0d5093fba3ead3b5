import type { KafkaOptions } from '../../connectors/kafka/client/options.ts';
import { retryUntilConnected } from '../../connectors/kafka/client/retry-until-connected.ts';
import { KafkaSource } from '../../connectors/kafka/kafka-source.ts';
import { KafkaCluster } from '../../connectors/kafka/topics/cluster.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { Log, LogEnd, SchemaRegistry } from '../../pipeline/ports.ts';
import { serveControl } from '../../pipeline/requests/control.ts';
import type { Jobs } from '../../pipeline/requests/jobs.ts';
import type { ReplayJobs } from '../../pipeline/requests/replay-jobs.ts';
import { pause } from '../../pipeline/waiting.ts';
import type { ExportParts } from '../main.ts';
import type { Config } from '../settings/settings.ts';
import type { ControlMetrics } from './control-metrics.ts';
import { savedMember } from './member-file.ts';
import { RepeatedLook } from './repeated-look.ts';

export interface ControlTopicParts {
  readonly config: Config;
  readonly log: Log;
  readonly store: ExportParts['store'];
  readonly jobs: Jobs;
  readonly replays: ReplayJobs;
  /** Null where all requests are JSON. */
  readonly registry: SchemaRegistry | null;
  readonly metrics: Pick<ControlMetrics, 'read'>;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Called with an unexpected error; the service must stop. */
  readonly onCrash: (error: unknown) => void;
  readonly options: KafkaOptions;
  readonly topic: string;
  readonly statusTopic: string;
}

type Reading =
  | { readonly state: 'connecting'; readonly problem: string }
  | { readonly state: 'reading'; readonly source: KafkaSource; readonly watch: RepeatedLook };

/** Reads requests from the control topic and serves them. */
export class ControlTopic {
  readonly #parts: ControlTopicParts;
  #ends: readonly LogEnd[] = [];
  #reading: Reading = { state: 'connecting', problem: 'the control topic is not reached yet' };

  constructor(parts: ControlTopicParts) {
    this.#parts = parts;
  }

  /** Why no request is read at the moment; null while requests are read. */
  get problem(): string | null {
    if (this.#reading.state === 'connecting') return this.#reading.problem;
    const { source, watch } = this.#reading;
    const unassigned = `no partition of the control topic ${this.#parts.topic} is assigned to this process`;
    return source.problem ?? watch.problem ?? (source.assigned.length === 0 ? unassigned : null);
  }

  /** How far the topic reached when it was last looked at. */
  get ends(): readonly LogEnd[] {
    return this.#ends;
  }

  /**
   * Serves the topic until the signal aborts. It begins when the log of events can be looked at (`isReady`), because an
   * export waits for what that log holds when the request is accepted.
   */
  async read(isReady: () => boolean): Promise<void> {
    const { log, signal, options, topic, statusTopic } = this.#parts;
    while (!isReady() && !signal.aborted) await pause(100, signal);
    const onProblem = (problem: string): void => {
      this.#reading = { state: 'connecting', problem };
    };
    const cluster = await KafkaCluster.open(options, log, signal, onProblem);
    try {
      const { brokers } = options;
      await retryUntilConnected({ what: 'look at the control topic', brokers, log, signal, onProblem }, async () => {
        await cluster.look();
        await cluster.topicSettings(statusTopic);
      });
      log.info({ control_topic: topic, status_topic: statusTopic }, 'requests are read');
      await this.#serve(cluster);
    } finally {
      await cluster.close();
    }
  }

  /** Reads and watches; a failure of either ends the service, and so the other. */
  async #serve(cluster: KafkaCluster): Promise<void> {
    const { config, options, store, jobs, replays, registry, metrics, log, signal, onCrash } = this.#parts;
    const member = savedMember(`${config.db}.control`, options.group);
    const source = new KafkaSource(cluster, options, log, member);
    const look = async (): Promise<void> => {
      const { ends } = await source.look();
      const assigned = new Set(source.assigned.map(({ partition }) => partitionName(partition)));
      this.#ends = ends.filter(({ partition }) => assigned.has(partitionName(partition)));
    };
    const commit = async (): Promise<void> => source.commit(await store.control.positions());
    const watch = new RepeatedLook({ look, commit, log, signal });
    this.#reading = { state: 'reading', source, watch };
    const onServed = (): void => metrics.read();
    const running = [
      serveControl({ source, registry, store: store.control, jobs, replays, signal, onServed }),
      watch.run(),
    ];
    for (const part of running) part.catch(onCrash);
    await Promise.allSettled(running);
  }
}
