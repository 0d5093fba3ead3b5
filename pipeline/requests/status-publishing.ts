import { isTemporary, TidemarkError } from '../errors.ts';
import { Backoff } from '../waiting.ts';
import { isLong, shortId } from './request-id.ts';
import type { Outbox, OutboxEntry, Status } from './statuses.ts';

/** Sends statuses to the status topic. */
export interface StatusSender {
  /**
   * Resolves when the topic has the statuses. Throws an error with `retry` when trying later may succeed, and
   * `STATUS_TOO_LARGE` when one is larger than the topic allows.
   */
  send(entries: readonly OutboxEntry[]): Promise<void>;
}

interface Publishing {
  readonly outbox: Outbox;
  readonly sender: StatusSender;
  readonly signal: AbortSignal;
  /** Resolves after `milliseconds`, or when the signal aborts. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Called with the number of statuses of each batch that was sent. */
  readonly onSent: (count: number) => void;
  /** Called for each status that the topic cannot take; it is deleted without being sent. */
  readonly onDropped: (requestId: string, reason: string) => void;
  /** Called with the error when statuses cannot be sent, and with null after each batch of statuses that was sent. */
  readonly onProblem?: (problem: TidemarkError | null) => void;
}

const entriesAtOnce = 100;
/** Far below the 1 MB that Kafka allows by default for one request. */
const bytesAtOnce = 256 << 10;
const firstPauseMs = 250;
const longestPauseMs = 5_000;

/**
 * Sends the statuses of the outbox in order until the signal aborts. A status is deleted from the outbox after it was sent;
 * after a crash in between it is sent again with the same sequence. Throws errors that trying again does not mend.
 */
export async function publishStatuses(publishing: Publishing): Promise<void> {
  const { outbox, signal, onProblem, pause } = publishing;
  const backoff = new Backoff(firstPauseMs, longestPauseMs);
  let awaited: Promise<void> | null = null;
  while (!signal.aborted) {
    // The wait begins before the outbox is read, so that no status added in between is missed. Retries share one wait.
    awaited ??= outbox.changed(signal).finally(() => {
      awaited = null;
    });
    const changed = awaited;
    try {
      if (await publishNext(publishing)) {
        onProblem?.(null);
        backoff.reset();
      } else await changed;
    } catch (error) {
      if (!isTemporary(error)) throw error;
      if (signal.aborted && error.code === 'INTERRUPTED') return;
      onProblem?.(error);
      await pause(backoff.next(), signal);
    }
  }
}

type Sending = Pick<Publishing, 'outbox' | 'sender' | 'onSent' | 'onDropped'>;

/**
 * Sends the oldest statuses; false when there is none. A status that is too large for the topic even without its manifest,
 * or that has an id of an older version, of any length, is dropped: the request has its end, and the others go on.
 */
export async function publishNext(sending: Sending): Promise<boolean> {
  const { outbox, onSent, onDropped } = sending;
  const entries = fitting(await outbox.oldest(entriesAtOnce));
  const last = entries.at(-1);
  if (last === undefined) return false;
  const sendable = entries.filter(({ requestId }) => !isLong(requestId));
  const sent = sendable.length === 0 ? 0 : await sendFitting(sendable, sending);
  await outbox.sent(last.number);
  onSent(sent);
  for (const { requestId } of entries)
    if (isLong(requestId)) onDropped(shortId(requestId), 'its request id is longer than 256 bytes');
  return true;
}

/** The first statuses that fit into one request together; at least one. */
function fitting(entries: readonly OutboxEntry[]): readonly OutboxEntry[] {
  let bytes = 0;
  const end = entries.findIndex(({ status }, at) => {
    bytes += status.length;
    return at > 0 && bytes > bytesAtOnce;
  });
  return end < 0 ? entries : entries.slice(0, end);
}

/**
 * When the topic refuses the size, statuses are sent one by one, and a status that is still too large without manifest.
 * Returns how many were sent.
 */
async function sendFitting(entries: readonly OutboxEntry[], sending: Pick<Sending, 'sender' | 'onDropped'>) {
  const { sender, onDropped } = sending;
  const refusal = await refusalOfSize(entries, sender);
  if (refusal === null) return entries.length;
  let sent = 0;
  for (const entry of entries) {
    const tooLarge = entries.length === 1 ? refusal : await refusalOfSize([entry], sender);
    const reason = tooLarge === null ? null : await refusalOfSize([withoutManifest(entry)], sender);
    if (reason === null) sent += 1;
    else onDropped(shortId(entry.requestId), reason);
  }
  return sent;
}

/** Sends the statuses; returns the topic's words when it refuses them for their size. */
async function refusalOfSize(entries: readonly OutboxEntry[], sender: StatusSender): Promise<string | null> {
  try {
    await sender.send(entries);
    return null;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'STATUS_TOO_LARGE') return error.message;
    throw error;
  }
}

function withoutManifest(entry: OutboxEntry): OutboxEntry {
  // The outbox holds JSON written from this type.
  const status = JSON.parse(entry.status) as Status;
  return { ...entry, status: JSON.stringify({ ...status, manifest: null } satisfies Status) };
}
