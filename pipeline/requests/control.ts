import { TidemarkError } from '../errors.ts';
import type { ControlPosition } from '../export/request.ts';
import { listedSchemaId, SchemaLookup, unlessAborted } from '../ingest/decoding.ts';
import type { QuarantinedRecord } from '../ingest/warehouse.ts';
import type { EventSource, LogRecord, RecordBatch, SchemaRegistry, StoredPosition } from '../ports.ts';
import { type ControlRequest, readControlRequest } from './control-request.ts';
import type { Jobs } from './jobs.ts';

/**
 * What is written of the control topic besides requests. Each call is one transaction that moves the topic's position, and
 * throws `STALE_BATCH` where it is not the one that the record was read from.
 */
export interface ControlStore {
  positions(): Promise<readonly StoredPosition[]>;
  /** Nothing was asked for. */
  pass(control: ControlPosition): Promise<void>;
  /** Says on the status topic that a record was refused. */
  refuse(requestId: string, error: TidemarkError, control: ControlPosition): Promise<void>;
  /** Keeps a record that nobody can be answered for. */
  setAside(entry: QuarantinedRecord, control: ControlPosition): Promise<void>;
}

interface ControlParts {
  readonly source: EventSource;
  /** Where Avro requests have their schemas; null where all requests are JSON. */
  readonly registry: SchemaRegistry | null;
  readonly store: ControlStore;
  readonly jobs: Pick<Jobs, 'submit' | 'cancel' | 'room'>;
  readonly signal: AbortSignal;
  /** Called for each record when what it asked for is in the database. */
  readonly onServed?: (request: ControlRequest) => void;
}

/**
 * Serves the control topic, each record exactly once: the topic's position moves in the transaction that does what the
 * record asks for. Ends with the source, or between two records when the signal aborts.
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
  /** Null where the log goes on without a record. */
  readonly record: LogRecord | null;
  readonly control: ControlPosition;
}

/** A bookmark is known after a batch only: sources that are to give one after each record are asked for batches of one. */
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

/** False when we are to stop before the record was served; it is read again. */
async function serve(record: LogRecord, control: ControlPosition, serving: Serving): Promise<boolean> {
  const { store, signal, lookup, onServed } = serving;
  // A registry that does not answer is waited for, and with it all behind.
  const schemas = await lookup.named([record], signal).catch(unlessAborted(signal));
  if (schemas === undefined) return false;
  const request = readControlRequest(record, schemas);
  try {
    if (request.kind === 'unanswerable') {
      const schemaId = listedSchemaId(record, { keyFormat: 'string', schemas });
      await store.setAside({ record, reject: request.reject, schemaId }, control);
    } else await carryOut(request, control, serving);
  } catch (error) {
    if (!(error instanceof TidemarkError) || request.kind === 'unanswerable') throw error;
    if (signal.aborted && (error.code === 'QUEUE_FULL' || error.code === 'INTERRUPTED')) return false;
    if (!isRefusal(error)) throw error;
    await store.refuse(request.requestId, error, control);
  }
  onServed?.(request);
  return true;
}

async function carryOut(
  request: Exclude<ControlRequest, { kind: 'unanswerable' }>,
  control: ControlPosition,
  parts: ControlParts,
): Promise<unknown> {
  switch (request.kind) {
    case 'export':
      return submitWithRoom(request, control, parts);
    case 'cancel':
      return parts.jobs.cancel(request.requestId, `a record of ${control.partition.topic}`, control);
    case 'faulty':
      throw new TidemarkError('REQUEST_INVALID', request.message);
  }
}

/** A request of the topic is never refused for a full queue: it stays in the topic until there is room. */
async function submitWithRoom(
  { requestId, given }: Extract<ControlRequest, { kind: 'export' }>,
  control: ControlPosition,
  { jobs, signal }: ControlParts,
): Promise<void> {
  const asker = { door: 'control', client: control.partition.topic } as const;
  for (;;) {
    try {
      await jobs.submit({ requestId, given, asker, control });
      return;
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'QUEUE_FULL' || signal.aborted) throw error;
      await jobs.room();
    }
  }
}

/** What is the asker's own to mend. Anything else is not: the record stays in the topic, and the service says why it ends. */
function isRefusal({ code }: TidemarkError): boolean {
  return (
    code === 'REQUEST_INVALID' ||
    code === 'PREFIX_REFUSED' ||
    code === 'REQUEST_CONFLICT' ||
    code === 'REQUEST_UNKNOWN' ||
    code === 'REQUEST_ENDED'
  );
}
