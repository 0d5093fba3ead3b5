import { Gauge, type Registry } from 'prom-client';
import { readPackage } from '../software.ts';
import type { LiveSource } from './live-source.ts';
import type { LogWatch } from './log-watch.ts';
import { secondsSince } from './partition-status.ts';
import type { Unready } from './readiness.ts';

interface ServiceFacts {
  readonly reasons: () => readonly Unready[];
  readonly source: Pick<LiveSource, 'assigned'>;
  readonly watch: Pick<LogWatch, 'lookedAt'>;
}

/** Adds the gauges of the service as a whole, which are read at each scrape. */
export function addServiceGauges(registry: Registry, { reasons, source, watch }: ServiceFacts): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number | null): Gauge =>
    new Gauge({
      name: `tidemark_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        const value = read();
        // prom-client shows 0 for a gauge without labels that was reset.
        if (value === null) this.remove();
        else this.set(value);
      },
    });
  gauge('ready', '1 when the service is ready, as /readyz says; 0 when it is not', () =>
    reasons().length === 0 ? 1 : 0,
  );
  gauge('assigned_partitions', 'Partitions that this process reads', () => source.assigned().length);
  gauge('log_look_age_seconds', 'How long ago the log was last looked at; absent before the first look', () =>
    watch.lookedAt === null ? null : secondsSince(watch.lookedAt, Date.now()),
  );
  const { version } = readPackage();
  new Gauge({
    name: 'tidemark_build_info',
    help: 'Always 1; the labels tell the version of Tidemark and of Node',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1);
}
