import { bookmarkOf, encodeBookmark, type LogIdentity } from '../../../connectors/kafka/reading/bookmark.ts';
import { PartitionReading } from '../../../connectors/kafka/reading/partition-reading.ts';
import type { FetchedRecords } from '../../../connectors/kafka/records/fetched-records.ts';
import { RecordTable } from '../../../connectors/kafka/records/packed-records.ts';
import type { LogRecord, StoredPosition } from '../../../pipeline/ports.ts';

export const partition = { topic: 't', partition: 3 };
export const log: LogIdentity = { cluster: 'c', topicId: 'id' };

/** The record at an offset; other content stands for another log of the same name. */
export function recordAt(offset: number, content = 'same'): LogRecord {
  return { offset, timestamp: 1_000 + offset, key: null, value: Buffer.from(`${content} ${offset}`), headers: [] };
}

/** The position of a database that read up to `next`. `last` is the offset of the last stored record, or null for none. */
export function storedAt(next: number, last: number | null): StoredPosition {
  const bookmark = last === null ? null : encodeBookmark(bookmarkOf(log, recordAt(last)));
  return { partition, origin: 'kafka c', nextOffset: next, bookmark };
}

/** A partition at the start of a process: read before up to `stored`, or never. */
export function readingOf(stored?: StoredPosition): PartitionReading {
  return new PartitionReading(partition, log, stored);
}

/** A fetch of records with these offsets. By default the partition begins at 0 and ends after the last of them. */
export function fetched(
  from: number,
  offsets: readonly number[],
  more: Partial<FetchedRecords> & { content?: string } = {},
): FetchedRecords {
  const { content, ...facts } = more;
  const table = new RecordTable();
  for (const offset of offsets) table.addRecord(recordAt(offset, content));
  const nextOffset = facts.nextOffset ?? (offsets.at(-1) ?? from - 1) + 1;
  return { records: table.records(), from, nextOffset, logStart: 0, high: nextOffset, damage: null, ...facts };
}
