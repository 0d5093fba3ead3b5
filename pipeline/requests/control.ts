import { codeOf, type FailureCode, TidemarkError } from '../errors.ts';
import type { ControlPosition } from '../export/request.ts';
import { listedSchemaId, SchemaLookup, unlessAborted } from '../ingest/decoding.ts';
import type { QuarantinedRecord } from '../ingest/warehouse.ts';
import type { EventSource, LogRecord, RecordBatch, SchemaRegistry, StoredPosition } from '../ports.ts';
import { pause } from '../waiting.ts';
import { type ControlRequest, readControlRequest } from './control-request.ts';
import type { Jobs } from './jobs.ts';
import type { ReplayJobs } from './replay-jobs.ts';
import type { RefusedRequest } from './statuses.ts';

/**
 * Stores the outcome of control records that make no request. Each call is one transaction that moves the topic's
 * position. Throws `STALE_BATCH` when the stored position is not the one that the record was read from.
 */
export interface ControlStore {
  positions(): Promise<readonly StoredPosition[]>;
  /** Moves the position past offsets that hold no record. */
  pass(control: ControlPosition): Promise<void>;
  /** Writes a status that refuses a record. */
  refuse(refused: RefusedRequest, error: TidemarkError, control: ControlPosition): Promise<void>;
  /** Quarantines a record without a usable request id. */
  quarantine(entry: QuarantinedRecord, control: ControlPosition): Promise<void>;
}

interface ControlParts {
  readonly source: EventSource;
  /** Finds the schemas of Avro requests; null where all requests are JSON. */
  readonly registry: SchemaRegistry | null;
  readonly store: ControlStore;
  readonly jobs: Pick<Jobs, 'submit' | 'cancel' | 'room'>;
  readonly replays: Pick<ReplayJobs, 'submit' | 'cancel'>;
  readonly signal: AbortSignal;
  /** Called for each record once its request is in the database. */
  readonly onServed?: (request: ControlRequest) => void;
}

/**
 * Serves each record of the control topic exactly once: the topic's position moves in the transaction that carries out the
 * request. Ends with the source, or between two records when the signal aborts.
 */
export async function serveControl(parts: ControlParts): Promise<void> {
  const { source, registry, store, signal } = parts;
  const serving = { ...parts, lookup: new SchemaLookup(registry, 'string') };
  for await (const batch of source.read(await store.positions(), signal)) {
    for (const { record, control } of recordsOf(batch)) {
      if (record === null) await store.pass(control);
      else if (!(await serve(record, control, serving))) return;
    }
  }
}

interface Serving extends ControlParts {
  readonly lookup: SchemaLookup;
}

interface ControlRecord {
  /** Null where the offsets hold no record. */
  readonly record: LogRecord | null;
  readonly control: ControlPosition;
}

/** Only the end of a batch has a bookmark. The source is opened with batches of one record, so each record has one. */
function* recordsOf({ partition, origin, records, from, next, lost }: RecordBatch): Generator<ControlRecord> {
  const last = records.at(-1);
  let at: Pick<ControlPosition, 'from' | 'lost'> = { from, lost: lost ?? null };
  for (const record of records) {
    const after = record.offset === last?.offset ? next : { nextOffset: record.offset + 1, bookmark: null };
    yield { record, control: { partition, origin, ...at, next: after } };
    at = { from: after.nextOffset, lost: null };
  }
  if (last === undefined) yield { record: null, control: { partition, origin, ...at, next } };
}

/** Returns false when the service stops before the record was served; the next start reads it again. */
async function serve(record: LogRecord, control: ControlPosition, serving: Serving): Promise<boolean> {
  const { store, signal, lookup, onServed } = serving;
  // While the registry does not answer, this record and all after it wait.
  const schemas = await lookup.schemasOf([record], signal).catch(unlessAborted(signal));
  if (schemas === undefined) return false;
  const request = readControlRequest(record, schemas);
  try {
    if (request.kind === 'unanswerable') {
      const schemaId = listedSchemaId(record, { keyFormat: 'string', schemas });
      await store.quarantine({ record, reject: request.reject, schemaId }, control);
    } else await carryOut(request, control, serving);
  } catch (error) {
    if (!(error instanceof TidemarkError) || request.kind === 'unanswerable') throw error;
    if (signal.aborted && (waitedFor.has(error.code) || error.code === 'INTERRUPTED')) return false;
    if (!isRefusal(error)) throw error;
    const asked = request.kind === 'faulty' ? request.action : request.kind;
    const refused = { requestId: request.requestId, action: asked === 'replay' ? 'replay' : 'export' } as const;
    await store.refuse(refused, error, control);
  }
  onServed?.(request);
  return true;
}

/** What passes without a change of the request. */
const waitedFor: ReadonlySet<string> = new Set<FailureCode>(['QUEUE_FULL', 'EXPORT_ROOT_GONE', 'NOT_WRITABLE']);

async function carryOut(
  request: Exclude<ControlRequest, { kind: 'unanswerable' }>,
  control: ControlPosition,
  parts: ControlParts,
): Promise<unknown> {
  switch (request.kind) {
    case 'export':
      return submitWithRoom(request, control, parts);
    case 'replay':
      // Replays take hours: one without room is refused, so that the records behind it need not wait.
      return parts.replays.submit({
        requestId: request.requestId,
        given: request.given,
        asker: askerOf(control),
        control,
      });
    case 'cancel':
      return cancel(request.requestId, control, parts);
    case 'faulty':
      throw new TidemarkError('REQUEST_INVALID', request.message);
  }
}

/** Cancels the export or replay that has the id. */
async function cancel(requestId: string, control: ControlPosition, { jobs, replays }: ControlParts): Promise<unknown> {
  const by = `a record of ${control.partition.topic}`;
  try {
    return await jobs.cancel(requestId, by, control);
  } catch (error) {
    if (codeOf(error) !== 'REQUEST_UNKNOWN') throw error;
  }
  try {
    return await replays.cancel(requestId, by, control);
  } catch (error) {
    if (codeOf(error) !== 'REQUEST_UNKNOWN') throw error;
    const problem = `there is no export and no replay with request id ${JSON.stringify(requestId)}`;
    throw new TidemarkError('REQUEST_UNKNOWN', problem);
  }
}

const rootCheckMs = 1_000;

function askerOf({ partition }: ControlPosition) {
  return { door: 'control', client: partition.topic } as const;
}

/** A full queue, or an export root that is away, refuses no export: its record waits in the topic. */
async function submitWithRoom(
  { requestId, given }: Extract<ControlRequest, { kind: 'export' | 'replay' }>,
  control: ControlPosition,
  { jobs, signal }: Pick<ControlParts, 'signal' | 'jobs'>,
): Promise<void> {
  const asker = askerOf(control);
  for (;;) {
    try {
      await jobs.submit({ requestId, given, asker, control });
      return;
    } catch (error) {
      if (!waitedFor.has(codeOf(error)) || signal.aborted) throw error;
      if (codeOf(error) === 'QUEUE_FULL') await jobs.room();
      else await pause(rootCheckMs, signal);
    }
  }
}

/** True for a fault of the request itself. After any other failure the record stays in the topic, and the service stops. */
function isRefusal({ code }: TidemarkError): boolean {
  return (
    code === 'REQUEST_INVALID' ||
    code === 'PREFIX_REFUSED' ||
    code === 'REQUEST_CONFLICT' ||
    code === 'REQUEST_UNKNOWN' ||
    code === 'REQUEST_UNFINISHED' ||
    code === 'REQUEST_ENDED' ||
    code === 'FILE_GONE' ||
    code === 'QUEUE_FULL'
  );
}
