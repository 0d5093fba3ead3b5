import type { BatchFacts } from '../../pipeline/completeness/batch-facts.ts';
import { withHeld } from '../../pipeline/completeness/changes.ts';
import { type Ingested, type IngestOptions, ingest, type StoredBatch } from '../../pipeline/ingest/ingest.ts';
import type { Warehouse } from '../../pipeline/ingest/warehouse.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { LiveEventSource, Log, PartitionId } from '../../pipeline/ports.ts';
import type { Config } from '../settings/settings.ts';

interface EventReading extends Required<Pick<IngestOptions, 'registry' | 'signal' | 'onStored'>> {
  readonly config: Pick<Config, 'key_format' | 'max_misfit_percent'>;
  readonly source: LiveEventSource;
  readonly warehouse: Pick<Warehouse, 'positions' | 'store' | 'note'>;
  readonly log: Log;
}

/** Stores the events of a live source, as `ingest` does, and logs what happens to them. */
export function ingestEvents(reading: EventReading): Promise<Ingested> {
  const { config, source, warehouse, registry, log, signal, onStored } = reading;
  const warnings = new QuarantineWarnings(log);
  return ingest(source, warehouse, {
    ...{ keyFormat: config.key_format, clock: { now: Date.now }, registry, signal },
    hold: {
      source,
      maxPercent: config.max_misfit_percent,
      onChange(partition, reason) {
        warehouse.note(sources => withHeld(sources, partition, reason));
        logHold(partition, reason, log);
      },
    },
    onStored(batch, stored) {
      onStored(batch, stored);
      logBatch(batch, stored, log);
      warnings.add(batch.partition, stored);
    },
  });
}

function logBatch(batch: BatchFacts, { milliseconds }: StoredBatch, log: Log): void {
  const { partition, from, next, recordsRead, applied, quarantined } = batch;
  const counts = { records: recordsRead, applied, quarantined };
  log.info({ ...partition, from, next: next.nextOffset, ...counts, ms: milliseconds }, 'batch stored');
}

/** Logs why the records of a partition wait, or that they go on. */
function logHold(partition: PartitionId, reason: string | null, log: Log): void {
  if (reason === null) log.info({ ...partition }, 'the records of the partition fit again; reading goes on');
  else log.error({ ...partition, code: 'CONFIG_INVALID' }, `the records of the partition wait: ${reason}`);
}

/** Warns once for each partition and reason when records begin to be quarantined. */
class QuarantineWarnings {
  readonly #log: Log;
  readonly #warnedOf = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  add(partition: PartitionId, { rejected }: StoredBatch): void {
    for (const [reason, records] of rejected) {
      const key = `${partitionName(partition)} ${reason}`;
      if (this.#warnedOf.has(key)) continue;
      this.#warnedOf.add(key);
      const facts = { ...partition, code: reason, records };
      this.#log.warn(facts, 'records are being quarantined for this reason; see tidemark quarantine list');
    }
  }
}
