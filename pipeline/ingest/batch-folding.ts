import type { KeyFormat } from '../../schemas/cures.ts';
import { decodeRecord, misfitOf, type RecordFormat, type WriterSchemas } from '../../schemas/decode.ts';
import { isReject } from '../../schemas/events/decode-members.ts';
import type { Event } from '../../schemas/events/events.ts';
import { lineSha256, recordSha256 } from '../../schemas/record-hash.ts';
import type { BatchFacts, RecordMark } from '../completeness/batch-facts.ts';
import { Timeline } from '../completeness/timeline.ts';
import type { Clock, LogRecord, RecordBatch, SourceKind } from '../ports.ts';
import { quarantined } from './decoding.ts';
import { Fold } from './fold.ts';
import type { FoundMisfit } from './misfits.ts';
import type { FoldedBatch, QuarantinedRecord } from './warehouse.ts';

interface FoldOptions {
  readonly keyFormat: KeyFormat;
  /** A larger record is quarantined, in bytes of key and value together; absent: none is too large. */
  readonly maxRecordBytes?: number | undefined;
  readonly clock: Clock;
  /** The schemas that the records of the batch carry and that exist; null where all records are JSON. */
  readonly schemas?: WriterSchemas | null;
}

/** Decodes and folds one batch: every record is either applied or quarantined. */
export function foldBatch(batch: RecordBatch, options: FoldOptions): FoldedBatch {
  const folding = new BatchFolding(batch, options);
  folding.take(0, batch.records.length);
  return folding.finish();
}

/** Records folded without a break: a few milliseconds of work. */
const sliceRecords = 2_000;

/**
 * Like foldBatch, but lets other work of the process run between slices: database statements and HTTP requests. Returns also
 * the records that seem not to fit the configuration.
 */
export async function foldInSlices(batch: RecordBatch, options: FoldOptions) {
  const folding = new BatchFolding(batch, options);
  for (let from = 0; from < batch.records.length; from += sliceRecords) {
    folding.take(from, from + sliceRecords);
    await new Promise(resolve => setImmediate(resolve));
  }
  return { folded: folding.finish(), misfits: folding.misfits };
}

/** Of a batch, the lateness of this many of its newest events is kept. */
const latenessEvents = 10_000;

class BatchFolding {
  readonly #batch: RecordBatch;
  readonly #format: RecordFormat;
  readonly #now: number;
  readonly #fold = new Fold();
  readonly #timeline = new Timeline();
  readonly #rejects: QuarantinedRecord[] = [];
  readonly #lateness: number[] = [];
  #latestEvent: number | null = null;
  readonly misfits: FoundMisfit[] = [];

  constructor(batch: RecordBatch, { keyFormat, maxRecordBytes, schemas, clock }: FoldOptions) {
    this.#batch = batch;
    this.#format = { keyFormat, maxRecordBytes, schemas: schemas ?? null };
    this.#now = clock.now();
  }

  take(from: number, to: number): void {
    const { records } = this.#batch;
    for (let index = from; index < Math.min(to, records.length); index += 1) {
      const record = records.at(index)!;
      const decoded = decodeRecord(record, this.#format);
      if (isReject(decoded)) {
        this.#rejects.push(quarantined(record, decoded, this.#format));
        const kind = misfitOf(record, decoded, this.#format);
        if (kind !== null) this.misfits.push({ index, kind });
      } else {
        this.#fold.apply(decoded);
        this.#noteTime(decoded, record);
      }
    }
  }

  #noteTime(event: Event, record: LogRecord): void {
    const { offset } = record;
    if (event.kind === 'service.deleted') {
      this.#timeline.add(event.service_id, offset, null, 'deletion');
      return;
    }
    const recorded = timeOf(record);
    const own = event.kind === 'extension.updated' ? event.timestamp : event.occasion.timestamp;
    const time = own ?? recorded;
    const sets = event.kind === 'service.started' ? 'start' : event.kind === 'service.completed' ? 'end' : null;
    this.#timeline.add(event.service_id, offset, time, sets);
    if (time === null) return;
    // An event of the year 2099 is applied, but says nothing about the events before it.
    if (time <= this.#now && (this.#latestEvent === null || time > this.#latestEvent)) this.#latestEvent = time;
    if (recorded !== null) this.#lateness.push(Math.max(recorded - time, 0));
  }

  finish(): FoldedBatch {
    const { partition, origin, kind, from, next, ids = null, lost = null, records } = this.#batch;
    const [first, last] = [records.at(0), records.at(-1)];
    const facts: BatchFacts = {
      ...{ partition, origin, kind, from, next, ids, lost },
      recordsRead: records.length,
      applied: records.length - this.#rejects.length,
      quarantined: this.#rejects.length,
      schemaIds: [...(this.#format.schemas?.keys() ?? [])],
      latestEvent: this.#latestEvent,
      firstRecordTime: first === undefined ? null : timeOf(first),
      lastRecordTime: last === undefined ? null : timeOf(last),
      lastRecord: last === undefined ? null : markOf(last, kind),
      decoding: {
        keyFormat: this.#format.keyFormat,
        maxRecordBytes: this.#format.maxRecordBytes ?? null,
        hasRegistry: this.#format.schemas !== null,
      },
      lateness: this.#lateness.slice(-latenessEvents),
    };
    return { facts, fragments: this.#fold.fragments, rejects: this.#rejects, timeline: this.#timeline };
  }
}

function markOf(record: LogRecord, kind: SourceKind): RecordMark {
  const sha256 = kind === 'file' ? lineSha256(record.value ?? Buffer.alloc(0)) : recordSha256(record);
  return { offset: record.offset, time: timeOf(record), sha256 };
}

/** The log's own time of a record; null where it keeps none, which old producers write as a negative number. */
function timeOf({ timestamp }: LogRecord): number | null {
  return timestamp === null || timestamp < 0 ? null : timestamp;
}
