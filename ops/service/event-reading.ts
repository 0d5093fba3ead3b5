import { withHeld } from '../../pipeline/completeness/changes.ts';
import {
  type Ingested,
  type IngestOptions,
  ingest,
  type StoredBatch,
  type StoredGroup,
} from '../../pipeline/ingest/ingest.ts';
import type { ReadingStore, Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { LiveEventSource, Log, PartitionId } from '../../pipeline/ports.ts';
import type { Config } from '../settings/settings.ts';

interface EventReading extends Required<Pick<IngestOptions, 'registry' | 'signal' | 'onStored'>> {
  readonly config: Pick<Config, 'key_format' | 'max_record_bytes' | 'max_misfit_percent'>;
  readonly source: LiveEventSource & { shrink(): boolean };
  readonly warehouse: ReadingStore & Pick<Warehouse, 'note'>;
  readonly log: Log;
}

/** A broker answers a fetch of all its partitions at once, so their batches come together; several brokers do not. */
const gatherMs = 50;

/** Stores the events of a live source, as `ingest` does, and logs what happens to them. */
export async function ingestEvents(reading: EventReading): Promise<Ingested> {
  const { config, source, warehouse, registry, log, signal, onStored } = reading;
  const warnings = new QuarantineWarnings(log);
  const summary = new MinuteSummary(log);
  try {
    return await ingest(source, warehouse, {
      ...{
        keyFormat: config.key_format,
        maxRecordBytes: config.max_record_bytes,
        clock: { now: Date.now },
        registry,
        signal,
        gatherMs,
      },
      hold: {
        source,
        maxPercent: config.max_misfit_percent,
        onChange(partition, reason) {
          warehouse.note(sources => withHeld(sources, partition, reason));
          logHold(partition, reason, log);
        },
      },
      shrink() {
        if (!source.shrink()) return null;
        log.warn(
          { code: 'OUT_OF_MEMORY' },
          'memory cannot hold a batch; reading goes on with batches of half the size',
        );
        return source;
      },
      onStored(stored) {
        onStored(stored);
        summary.add(stored);
        for (const batch of stored.batches) {
          logBatch(batch, stored, log);
          warnings.add(batch);
        }
      },
    });
  } finally {
    summary.close();
  }
}

function logBatch({ facts }: StoredBatch, { milliseconds }: StoredGroup, log: Log): void {
  const { partition, from, next, recordsRead, applied, quarantined } = facts;
  const counts = { records: recordsRead, applied, quarantined };
  log.debug({ ...partition, from, next: next.nextOffset, ...counts, ms: milliseconds }, 'batch stored');
}

/** Logs why the records of a partition wait, or that they go on. */
function logHold(partition: PartitionId, reason: string | null, log: Log): void {
  if (reason === null) log.info({ ...partition }, 'the records of the partition fit again; reading goes on');
  else log.error({ ...partition, code: 'CONFIG_INVALID' }, `the records of the partition wait: ${reason}`);
}

const summaryEveryMs = 60_000;

const nothing = { records: 0, applied: 0, quarantined: 0, transactions: 0, transaction_ms: 0 };

/** Logs once a minute what was stored in it, and nothing in a minute without events. */
class MinuteSummary {
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  #counts = nothing;

  constructor(log: Log) {
    this.#log = log;
    this.#timer = setInterval(() => this.#write(), summaryEveryMs).unref();
  }

  add({ batches, milliseconds }: StoredGroup): void {
    const counts = { ...this.#counts };
    for (const { facts } of batches) {
      counts.records += facts.recordsRead;
      counts.applied += facts.applied;
      counts.quarantined += facts.quarantined;
    }
    counts.transactions += 1;
    counts.transaction_ms += milliseconds;
    this.#counts = counts;
  }

  /** Logs what was stored since the last line. */
  close(): void {
    clearInterval(this.#timer);
    this.#write();
  }

  #write(): void {
    if (this.#counts.transactions > 0) this.#log.info(this.#counts, 'events stored');
    this.#counts = nothing;
  }
}

/** Warns once for each partition and reason when records begin to be quarantined. */
class QuarantineWarnings {
  readonly #log: Log;
  readonly #warnedOf = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  add({ facts: { partition }, rejected }: StoredBatch): void {
    for (const [reason, records] of rejected) {
      const key = `${partitionName(partition)} ${reason}`;
      if (this.#warnedOf.has(key)) continue;
      this.#warnedOf.add(key);
      const facts = { ...partition, code: reason, records };
      this.#log.warn(facts, 'records are being quarantined for this reason; see tidemark quarantine list');
    }
  }
}
