import type { BatchLimits, LostRecords, PartitionId, RecordBatch, StoredPosition } from '../../../pipeline/ports.ts';
import type { FetchedRecords } from '../records/fetched-records.ts';
import type { PackedRecords } from '../records/packed-records.ts';
import {
  type Bookmark,
  bookmarkOf,
  decodeBookmark,
  encodeBookmark,
  isSameRecord,
  type LogIdentity,
} from './bookmark.ts';

/**
 * How a fetch relates to what was read before.
 * - `follows`: it continues there, and the log is the same one.
 * - `changed`: it holds another record at the offset of the last read one, so the log is another one.
 * - `gap`: it begins after the next offset to read.
 * - `unproven`: it does not hold the last read record, so it does not show whether the log is the same one.
 * - `old`: it ends before the last read record.
 */
type FetchRelation = 'follows' | 'changed' | 'gap' | 'unproven' | 'old';

/**
 * How far one partition was read. Each offset is passed on once and in order, whatever kafkajs delivers again or from a
 * wrong offset: records below the position are dropped here, before the database would refuse them.
 */
export class PartitionReading {
  readonly partition: PartitionId;
  readonly #log: LogIdentity;
  readonly #origin: string;
  /** The next offset to pass on; null while the partition was neither read nor assigned. */
  #position: number | null;
  #start: number;
  /** Whether any batch was passed on, by this process or by an earlier one. */
  #hasBegun: boolean;
  /** The last record passed on; null when there is none. */
  #bookmark: Bookmark | null;
  /** True once a fetch after the last assignment has shown that the bookmarked record is still the same. */
  #verified = false;
  /** Where the last fetch found a damaged batch; null when it found none. */
  #damagedAt: number | null = null;

  constructor(partition: PartitionId, log: LogIdentity, stored: StoredPosition | undefined) {
    this.partition = partition;
    this.#log = log;
    this.#origin = originOf(log.cluster);
    this.#position = stored?.nextOffset ?? null;
    this.#start = stored?.nextOffset ?? 0;
    this.#hasBegun = stored !== undefined;
    this.#bookmark = decodeBookmark(stored?.bookmark ?? null);
  }

  get position(): number | null {
    return this.#position;
  }

  /**
   * The offset at which the first batch begins, or will begin while nothing was passed on. Records from there on may be
   * in this process without being stored.
   */
  get start(): number {
    return this.#start;
  }

  get bookmark(): Bookmark | null {
    return this.#bookmark;
  }

  /**
   * Returns the offset to fetch from after an assignment: that of the last read record, which is fetched again to check that
   * it is still the same; or `low`, the start of the log, when nothing was ever read. Records that Kafka deletes after this
   * call and before they are read count as lost.
   */
  assign(low: number): number {
    if (!this.#hasBegun) {
      this.#position = low;
      this.#start = low;
    }
    this.#verified = this.#bookmark === null;
    return this.fetchOffset ?? low;
  }

  /** The offset to fetch from; null while the partition was neither read nor assigned. */
  get fetchOffset(): number | null {
    return this.#verified ? this.#position : (this.#bookmark?.offset ?? this.#position);
  }

  /** Compares a fetch with what was read before. */
  compare({ records, from, nextOffset, damage }: FetchedRecords): FetchRelation {
    if (this.#position === null) return 'follows';
    if (from > this.#position) return 'gap';
    const bookmark = this.#bookmark;
    if (bookmark === null) return 'follows';
    if (nextOffset <= bookmark.offset) return 'old';
    if (from > bookmark.offset) return this.#verified ? 'follows' : 'unproven';
    if (damage !== null) {
      // The record to compare cannot be read any more.
      this.#verified = true;
      return 'follows';
    }
    const same = records.at(records.indexOf(bookmark.offset));
    if (same === undefined || !isSameRecord(bookmark, same)) return 'changed';
    this.#verified = true;
    return 'follows';
  }

  /** Accepts the log without comparing the bookmarked record, which Kafka deleted while all later records are there. */
  skipVerification(): void {
    this.#verified = true;
  }

  /**
   * True when an earlier fetch found a damaged batch at this offset, too, so that the damage did not come about on the way
   * from the broker.
   */
  isDamagedAgain(offset: number): boolean {
    const isAgain = this.#damagedAt === offset;
    this.#damagedAt = offset;
    return isAgain;
  }

  /**
   * Cuts the new records of a fetch into batches, and puts a gap before the first one; a gap alone makes a batch without
   * records. The caller calls `advance` for each batch that it passes on.
   */
  *cut(fetched: FetchedRecords, limits: BatchLimits, lost: LostRecords | null = null): Generator<RecordBatch> {
    const { records, nextOffset } = fetched;
    let position = lost?.to ?? this.#position ?? fetched.from;
    let first = records.indexOf(position);
    do {
      const end = this.#endOfBatch(records, first, limits);
      const to = end === records.length ? nextOffset : records.offset(end);
      if (to <= position && lost === null) return;
      yield this.#batch(records.slice(first, end), { from: position, to }, lost);
      lost = null;
      position = to;
      first = end;
    } while (first < records.length);
  }

  /** Moves the position to the end of a batch that was passed on. */
  advance({ next }: RecordBatch): void {
    this.#hasBegun = true;
    this.#damagedAt = null;
    this.#position = next.nextOffset;
    this.#bookmark = decodeBookmark(next.bookmark);
  }

  #endOfBatch(records: PackedRecords, first: number, { batchRecords, batchBytes }: BatchLimits): number {
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
      kind: 'live',
      origin: this.#origin,
      ids: { cluster: this.#log.cluster, topic: this.#log.topicId },
      records,
      from,
      next: { nextOffset: to, bookmark: bookmark === null ? null : encodeBookmark(bookmark) },
      bytesRead,
      ...(lost === null ? {} : { lost }),
    };
  }
}

/** The origin that the database stores with a partition's position, because offsets of another cluster mean nothing here. */
export function originOf(cluster: string): string {
  return `kafka ${cluster}`;
}
