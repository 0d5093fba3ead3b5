import { Counter, Gauge, type Registry } from 'prom-client';

/** Metrics of the control topic and the status topic. */
export class ControlMetrics {
  readonly #read: Counter;
  readonly #published: Counter;
  readonly #dropped: Counter;

  constructor(registry: Registry, outboxLength: () => Promise<number>) {
    const registers = [registry];
    this.#read = new Counter({
      name: 'tidemark_control_records_total',
      help: 'Records of the control topic served',
      registers,
    });
    this.#published = new Counter({ name: 'tidemark_statuses_published_total', help: 'Statuses sent', registers });
    this.#dropped = new Counter({
      name: 'tidemark_statuses_dropped_total',
      help: 'Statuses that were not sent because the status topic cannot take them',
      registers,
    });
    new Gauge({
      name: 'tidemark_outbox_statuses',
      help: 'Statuses in the outbox, waiting to be sent',
      registers,
      async collect() {
        this.set(await outboxLength());
      },
    });
  }

  read(): void {
    this.#read.inc();
  }

  dropped(): void {
    this.#dropped.inc();
  }

  published(count: number): void {
    this.#published.inc(count);
  }
}
