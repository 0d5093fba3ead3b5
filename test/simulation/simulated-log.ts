import type { LostRecords } from '../../pipeline/ports.ts';
import type { EventRecord, EventVerb } from '../support/event-batches.ts';

/** A record of a simulated log. Times are ticks. */
export interface SimulatedRecord {
  state: 'open' | 'committed' | 'aborted' | 'marker';
  readonly service: string;
  readonly event: EventVerb;
  /** The event's own time; null where it has none. */
  readonly ownTime: number | null;
  /** The log's time; null in a file. */
  readonly logTime: number | null;
  readonly producer: number;
  /** The true time. */
  readonly appendedAt: number;
  /** The clock by which it is on time: that as it got below the high watermark. */
  clock: number;
  isStored: boolean;
  /** True when it lay in a gap that the store met. */
  isInGap: boolean;
  /** True when its loss cannot be seen: the log was cut and had grown again before the next look. */
  isLostUnseen: boolean;
}

type NewRecord = Omit<SimulatedRecord, 'state' | 'isStored' | 'isInGap' | 'isLostUnseen'>;

/** The time of an event by the contract: its own, else its record's. */
export function timeOf({ ownTime, logTime }: SimulatedRecord): number | null {
  return ownTime ?? logTime;
}

/** What a reader gets at once. */
export interface ReadPart {
  readonly from: number;
  readonly next: number;
  readonly lost: LostRecords | null;
  readonly records: readonly EventRecord[];
}

/** One partition or file: records, transactions of two producers, replicas that may lag. */
export class SimulatedLog {
  readonly records: SimulatedRecord[] = [];
  low = 0;
  /** The high watermark; it stays behind the end while the replicas lag. */
  high = 0;
  isLagging = false;
  readonly #openSince: (number | null)[] = [null, null];

  /** The last stable offset. */
  get stable(): number {
    return Math.min(this.high, ...this.#openSince.map(offset => offset ?? Number.POSITIVE_INFINITY));
  }

  get hasOpenTransaction(): boolean {
    return this.#openSince.some(offset => offset !== null);
  }

  append(record: NewRecord, inTransaction: boolean): void {
    const { producer } = record;
    if (inTransaction) this.#openSince[producer] ??= this.records.length;
    const state = this.#openSince[producer] === null ? 'committed' : 'open';
    this.#push(record, state);
  }

  /** Ends the open transaction of a producer with a marker; returns false where there is none. */
  endTransaction(producer: number, commits: boolean, now: number): boolean {
    if (this.#openSince[producer] === null) return false;
    for (const record of this.records.slice(this.#openSince[producer]))
      if (record.producer === producer && record.state === 'open') record.state = commits ? 'committed' : 'aborted';
    this.#openSince[producer] = null;
    const times = { ownTime: null, logTime: now, appendedAt: now, clock: now };
    this.#push({ service: '', event: 'state.started', producer, ...times }, 'marker');
    return true;
  }

  #push(record: NewRecord, state: SimulatedRecord['state']): void {
    this.records.push({ ...record, state, isStored: false, isInGap: false, isLostUnseen: false });
  }

  /** Raises the high watermark to the end, unless the replicas lag. */
  raise(clock: number): void {
    if (this.isLagging) return;
    for (const record of this.records.slice(this.high)) record.clock = clock;
    this.high = this.records.length;
  }

  retain(records: number): void {
    this.low = Math.max(this.low, Math.min(this.low + records, this.stable));
  }

  /** Cuts the end off, as an unclean election does. */
  cut(records: number): void {
    this.high = Math.max(this.high - records, this.low);
    this.records.length = this.high;
  }

  /** The next records from a position, at most so many; null where there is nothing. */
  read(position: number, most: number): ReadPart | null {
    const { stable } = this;
    const from = Math.max(position, this.low);
    const lost = from === position ? null : { from: position, to: from, reason: 'deleted by retention' };
    const records: EventRecord[] = [];
    let next = from;
    for (; next < stable; next += 1) {
      const record = this.records[next]!;
      if (record.state !== 'committed') continue;
      if (records.length === most) break;
      const { event, service, ownTime, logTime } = record;
      records.push({ offset: next, event, service, time: ownTime, logTime });
    }
    return next === position ? null : { from, next: Math.max(next, from), lost, records };
  }
}
