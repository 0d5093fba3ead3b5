import type { LostRecords, PartitionId, RecordBatch, StoredPosition } from '../../../pipeline/ports.ts';
import type { PackedRecords } from '../records/packed-records.ts';
import {
  type Bookmark,
  bookmarkOf,
  decodeBookmark,
  encodeBookmark,
  isSameRecord,
  type LogIdentity,
} from './bookmark.ts';

export interface CutLimits {
  readonly batchRecords: number;
  readonly batchBytes: number;
}

/** What one fetch gave of a partition: all that is for us in `[from, nextOffset)`, which may be nothing. */
export interface Fetched {
  readonly records: PackedRecords;
  readonly from: number;
  readonly nextOffset: number;
  /** What the partition held then: offsets `[logStart, high)`. */
  readonly logStart: number;
  readonly high: number;
}

/**
 * How a fetch lies to what was read before. `follows`: it goes on from there, and is of the same log. `changed`: it holds
 * another record where the last one lay. `gap`: it begins behind what is to be read next. `unproven`: it does not hold
 * the last record, so nothing shows that it is of the same log. `old`: it ends before the last record.
 */
export type Place = 'follows' | 'changed' | 'gap' | 'unproven' | 'old';

/**
 * How far one partition has been handed to the reader. Whatever the client delivers, again or out of place, each offset
 * is handed on once and in order: what lies below the position is dropped here, before the database refuses it.
 */
export class PartitionReading {
  readonly partition: PartitionId;
  readonly #log: LogIdentity;
  readonly #origin: string;
  /** What comes next; null where nothing was ever read, nor assigned. */
  #position: number | null;
  /** Whether anything was handed on, now or by a process before us. */
  #hasBegun: boolean;
  /** The last record handed on; null when there is none. */
  #bookmark: Bookmark | null;
  /** Whether what lies at the bookmark was seen to be the same record since we were assigned the partition. */
  #verified = false;

  constructor(partition: PartitionId, log: LogIdentity, stored: StoredPosition | undefined) {
    this.partition = partition;
    this.#log = log;
    this.#origin = originOf(log.cluster);
    this.#position = stored?.nextOffset ?? null;
    this.#hasBegun = stored !== undefined;
    this.#bookmark = decodeBookmark(stored?.bookmark ?? null);
  }

  get position(): number | null {
    return this.#position;
  }

  get bookmark(): Bookmark | null {
    return this.#bookmark;
  }

  /**
   * Where reading is to begin after an assignment: at the last record again, to see that it is still the same; at `low`,
   * where the log begins, if nothing was ever read. From then on what is deleted before it is read is missing.
   */
  assign(low: number): number {
    if (!this.#hasBegun) this.#position = low;
    this.#verified = this.#bookmark === null;
    return this.start ?? low;
  }

  /** Where the client is to fetch from; null where nothing was ever read, nor assigned. */
  get start(): number | null {
    return this.#verified ? this.#position : (this.#bookmark?.offset ?? this.#position);
  }

  /** Compares a fetch with what was read before. */
  place({ records, from, nextOffset }: Fetched): Place {
    if (this.#position === null) return 'follows';
    if (from > this.#position) return 'gap';
    const bookmark = this.#bookmark;
    if (bookmark === null) return 'follows';
    if (nextOffset <= bookmark.offset) return 'old';
    if (from > bookmark.offset) return this.#verified ? 'follows' : 'unproven';
    const same = records.at(records.indexOf(bookmark.offset));
    if (same === undefined || !isSameRecord(bookmark, same)) return 'changed';
    this.#verified = true;
    return 'follows';
  }

  /** The bookmarked record is gone, but all behind it is there: nothing is left to compare with. */
  skipVerification(): void {
    this.#verified = true;
  }

  /** Cuts what was fetched and is new into batches. Each must be taken, or the rest is fetched again. */
  *cut(fetched: Fetched, limits: CutLimits, lost: LostRecords | null = null): Generator<RecordBatch> {
    const { records, nextOffset } = fetched;
    let position = lost?.to ?? this.#position ?? fetched.from;
    let first = records.indexOf(position);
    do {
      const end = this.#endOfBatch(records, first, limits);
      const to = end === records.length ? nextOffset : records.offset(end);
      if (to <= position) return;
      yield this.#batch(records.run(first, end), { from: position, to }, lost);
      lost = null;
      position = to;
      first = end;
    } while (first < records.length);
  }

  /** To be called when a batch was taken. */
  advance({ next }: RecordBatch): void {
    this.#hasBegun = true;
    this.#position = next.nextOffset;
    this.#bookmark = decodeBookmark(next.bookmark);
  }

  #endOfBatch(records: PackedRecords, first: number, { batchRecords, batchBytes }: CutLimits): number {
    let bytes = 0;
    for (let end = first; end < records.length; end += 1) {
      bytes += records.bytes(end);
      if (end - first === batchRecords || (end > first && bytes > batchBytes)) return end;
    }
    return records.length;
  }

  #batch(
    records: PackedRecords,
    { from, to }: { readonly from: number; readonly to: number },
    lost: LostRecords | null,
  ): RecordBatch {
    let bytesRead = 0;
    for (let index = 0; index < records.length; index += 1) bytesRead += records.bytes(index);
    const last = records.at(-1);
    const bookmark = last === undefined ? this.#bookmark : bookmarkOf(this.#log, last);
    return {
      partition: this.partition,
      origin: this.#origin,
      records,
      from,
      next: { nextOffset: to, bookmark: bookmark === null ? null : encodeBookmark(bookmark) },
      bytesRead,
      ...(lost === null ? {} : { lost }),
    };
  }
}

/** What the database says of where a partition was read: offsets of another cluster mean nothing here. */
export function originOf(cluster: string): string {
  return `kafka ${cluster}`;
}
