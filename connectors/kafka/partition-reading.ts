import type { LogRecord, LostRecords, PartitionId, RecordBatch, StoredPosition } from '../../pipeline/ports.ts';
import { type Bookmark, bookmarkOf, decodeBookmark, encodeBookmark, isSameRecord } from './bookmark.ts';

export interface CutLimits {
  readonly batchRecords: number;
  readonly batchBytes: number;
}

/** Records of one fetch, and the offset after them: aborted records and markers of transactions have offsets too. */
export interface Fetched {
  readonly records: readonly LogRecord[];
  readonly nextOffset: number;
}

/**
 * How far one partition has been handed to the reader. Whatever the client delivers, again or out of place, each offset
 * is handed on once and in order: what lies below the position is dropped here, before the database refuses it.
 */
export class PartitionReading {
  readonly partition: PartitionId;
  readonly #cluster: string;
  readonly #origin: string;
  /** What comes next; null where nothing was ever read. */
  #position: number | null;
  /** The last record handed on; null when there is none. */
  #bookmark: Bookmark | null;
  /** Whether what lies at the bookmark was seen to be the same record since we were assigned the partition. */
  #verified: boolean;
  /** Where the next fetch begins if the client does what it was told. */
  #expected: number | null = null;

  constructor(partition: PartitionId, cluster: string, stored: StoredPosition | undefined) {
    this.partition = partition;
    this.#cluster = cluster;
    this.#origin = `kafka ${cluster}`;
    this.#position = stored?.nextOffset ?? null;
    this.#bookmark = decodeBookmark(stored?.bookmark ?? null);
    this.#verified = this.#bookmark === null;
  }

  get position(): number | null {
    return this.#position;
  }

  get bookmark(): Bookmark | null {
    return this.#bookmark;
  }

  /** Where reading is to begin after an assignment: at the last record again, to see that it is still the same. */
  assign(low: number): number {
    this.#verified = this.#bookmark === null;
    const start = this.#verified ? this.#position : this.#bookmark!.offset;
    this.#expected = Math.max(start ?? low, 0);
    return this.#expected;
  }

  /** True when a fetch began where it was to begin, so that the log did not move under it. */
  isExpected(fetchedOffset: number): boolean {
    return this.#expected === null || fetchedOffset === this.#expected;
  }

  /** The bookmarked record is gone, but all behind it is there: nothing is left to compare with. */
  skipVerification(): void {
    this.#verified = true;
  }

  /** False when another record lies where the last one lay. */
  verify(records: readonly LogRecord[]): boolean {
    if (this.#verified || this.#bookmark === null) return true;
    this.#verified = true;
    const first = records[0];
    return first !== undefined && isSameRecord(this.#bookmark, first);
  }

  /** Cuts what was fetched and is new into batches. Each must be taken, or the rest is fetched again. */
  *cut({ records, nextOffset }: Fetched, limits: CutLimits, lost: LostRecords | null = null): Generator<RecordBatch> {
    let position = this.#position ?? records[0]?.offset ?? nextOffset;
    let first = records.findIndex(({ offset }) => offset >= position);
    if (first < 0) first = records.length;
    do {
      const end = this.#endOfBatch(records, first, limits);
      const isLast = end === records.length;
      const to = isLast ? nextOffset : records[end]!.offset;
      if (to <= position) return;
      yield this.#batch(records.slice(first, end), { from: lost?.to ?? position, to }, lost);
      lost = null;
      position = to;
      first = end;
    } while (first < records.length);
  }

  /** To be called when a batch was taken. */
  advance({ next }: RecordBatch): void {
    this.#position = next.nextOffset;
    this.#bookmark = decodeBookmark(next.bookmark);
  }

  /** To be called when all of a fetch was taken. */
  expect(nextOffset: number): void {
    this.#expected = nextOffset;
    this.#position ??= nextOffset;
  }

  #endOfBatch(records: readonly LogRecord[], first: number, { batchRecords, batchBytes }: CutLimits): number {
    let bytes = 0;
    for (let end = first; end < records.length; end += 1) {
      bytes += bytesOf(records[end]!);
      if (end - first === batchRecords || (end > first && bytes > batchBytes)) return end;
    }
    return records.length;
  }

  #batch(
    records: readonly LogRecord[],
    { from, to }: { readonly from: number; readonly to: number },
    lost: LostRecords | null,
  ): RecordBatch {
    const last = records.at(-1);
    const bookmark = last === undefined ? this.#bookmark : bookmarkOf(this.#cluster, last);
    return {
      partition: this.partition,
      origin: this.#origin,
      records,
      from,
      next: { nextOffset: to, bookmark: bookmark === null ? null : encodeBookmark(bookmark) },
      bytesRead: records.reduce((sum, record) => sum + bytesOf(record), 0),
      ...(lost === null ? {} : { lost }),
    };
  }
}

function bytesOf({ key, value }: LogRecord): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
