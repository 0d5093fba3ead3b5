import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { TopicFinding } from '../../connectors/kafka/topics/topic-checks.ts';
import type { Sources } from '../../pipeline/completeness/sources.ts';
import type { StoredBatch, StoredGroup } from '../../pipeline/ingest/ingest.ts';
import { heldPartitions, unreadPartitions } from './partition-facts.ts';
import type { PartitionStatus } from './partition-status.ts';

const partitionLabels = ['topic', 'partition'] as const;

/** Metrics of ingestion. Names and units follow Prometheus: seconds, bytes, `_total` for a counter. */
export class ServiceMetrics {
  readonly registry = new Registry();
  readonly #consumed = this.#counter('records_consumed_total', 'Records read and stored, applied or quarantined');
  readonly #applied = this.#counter('records_applied_total', 'Records applied to the tables');
  readonly #quarantined = new Counter({
    name: 'tidemark_records_quarantined_total',
    help: 'Records quarantined, by the reason',
    labelNames: [...partitionLabels, 'reason'],
    registers: [this.registry],
  });
  readonly #bytes = this.#counter('read_bytes_total', 'Bytes of keys and values read');
  readonly #lost = this.#counter(
    'records_lost_total',
    'Offsets that were deleted from the log before they were read, or skipped as damaged',
  );
  readonly #batchRecords = new Histogram({
    name: 'tidemark_batch_records',
    help: 'Records stored by one transaction',
    buckets: [1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000],
    registers: [this.registry],
  });
  readonly #transaction = new Histogram({
    name: 'tidemark_transaction_seconds',
    help: 'Duration of a transaction that stores batches',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [this.registry],
  });
  readonly #contradicted = new Counter({
    name: 'tidemark_contradictions_total',
    help: 'Complete exports that a stored batch contradicted, counted for each batch',
    registers: [this.registry],
  });
  readonly #warnings = new Gauge({
    name: 'tidemark_topic_warning',
    help: '1 for a problem of a topic, such as one that will lose records; the log says which',
    labelNames: ['topic', 'kind'],
    registers: [this.registry],
  });

  readonly #metFindings: Pick<TopicFinding, 'topic' | 'kind'>[] = [];

  /** `droppedLines`: how many lines of the log could not be written so far. */
  constructor(droppedLines = () => 0) {
    // Measured every 10 ms by default, the delay of the event loop is most of what wakes an idle process.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 250 });
    new Counter({
      name: 'tidemark_log_lines_dropped_total',
      help: 'Lines of the log that could not be written',
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(droppedLines());
      },
    });
  }

  /** Adds the gauges of partitions, which are read from the running service at each scrape. */
  addPartitionGauges(partitions: () => readonly PartitionStatus[], sources: () => Sources): void {
    this.#countGauge(
      'unread_partitions',
      'Listed partitions that this process does not read; exports are provisional while there are any',
      () => unreadPartitions(sources()).length,
    );
    this.#countGauge(
      'held_partitions',
      'Partitions whose records wait because they seem not to fit the configuration; exports are provisional meanwhile',
      () => heldPartitions(sources()).length,
    );
    this.#partitionGauge(
      'open_transaction_seconds',
      'How long a transaction has been open without any progress; it hides the records behind it',
      partitions,
      status => status.open_transaction_seconds,
    );
    for (const share of ['p50', 'p99', 'max'] as const)
      this.#partitionGauge(
        `lateness_${share}_seconds`,
        `How late the last 10,000 events came (record time less event time): ${share}`,
        partitions,
        status => (status.lateness_ms === null ? null : status.lateness_ms[share] / 1000),
      );
    this.#partitionGauge('stored_offset', 'Next offset to store', partitions, status => status.stored_offset);
    this.#partitionGauge('log_end_offset', 'End of the log at the last look', partitions, status => status.log_end);
    this.#partitionGauge(
      'lag_records',
      'Records in the log that are not stored yet',
      partitions,
      status => status.lag_records,
    );
    this.#partitionGauge(
      'lag_seconds',
      'Age of the newest stored record while newer ones wait',
      partitions,
      status => status.lag_seconds,
    );
    this.#partitionGauge(
      'watermark_timestamp_seconds',
      'The time up to which the partition is expected to have given all its events',
      partitions,
      status => (status.watermark === null ? null : Date.parse(status.watermark) / 1000),
    );
  }

  /** To be called after each transaction. */
  stored({ batches, milliseconds, contradicted }: StoredGroup): void {
    for (const batch of batches) this.#count(batch);
    this.#batchRecords.observe(batches.reduce((sum, { facts }) => sum + facts.recordsRead, 0));
    this.#transaction.observe(milliseconds / 1000);
    this.#contradicted.inc(contradicted.length);
  }

  #count({ facts, bytesRead, rejected }: StoredBatch): void {
    const { partition, recordsRead, applied, lost } = facts;
    const labels = { topic: partition.topic, partition: String(partition.partition) };
    this.#consumed.inc(labels, recordsRead);
    this.#applied.inc(labels, applied);
    for (const [reason, count] of rejected) this.#quarantined.inc({ ...labels, reason }, count);
    this.#bytes.inc(labels, bytesRead);
    if (lost !== null) this.#lost.inc(labels, lost.to - lost.from);
  }

  /** Replaces what checks found about topics: one gauge for each topic and kind, so that an alert can name the topic. */
  setFindings(findings: readonly Pick<TopicFinding, 'topic' | 'kind'>[]): void {
    this.#warnings.reset();
    for (const { topic, kind } of [...findings, ...this.#metFindings]) this.#warnings.set({ topic, kind }, 1);
  }

  /** Adds what was met while a topic was read; it stays. */
  addFinding(finding: Pick<TopicFinding, 'topic' | 'kind'>): void {
    this.#metFindings.push(finding);
    this.#warnings.set({ topic: finding.topic, kind: finding.kind }, 1);
  }

  #countGauge(name: string, help: string, count: () => number): void {
    new Gauge({
      name: `tidemark_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(count());
      },
    });
  }

  #counter(name: string, help: string): Counter<(typeof partitionLabels)[number]> {
    return new Counter({ name: `tidemark_${name}`, help, labelNames: partitionLabels, registers: [this.registry] });
  }

  #partitionGauge(
    name: string,
    help: string,
    partitions: () => readonly PartitionStatus[],
    read: (status: PartitionStatus) => number | null,
  ): void {
    new Gauge({
      name: `tidemark_${name}`,
      help,
      labelNames: partitionLabels,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const status of partitions()) {
          const value = read(status);
          if (value !== null) this.set({ topic: status.topic, partition: String(status.partition) }, value);
        }
      },
    });
  }
}
