import type { StoredPosition } from '../../../pipeline/ports.ts';
import { changedFile, decodeFileBookmark, type FileBookmark, unpackedBytes } from './file-bookmark.ts';
import type { FileHead } from './file-head.ts';

/** Where reading a file continues. */
export interface FileStart {
  readonly name: FileName;
  /** Hash of the start up to the end of the first record; empty when the head holds no record. */
  readonly first: string;
  /** What was consumed, to be compared with the file; null when all lines are counted from the beginning. */
  readonly consumed: FileBookmark | null;
  /** The path under which it was consumed last; for a new file its own. */
  readonly origin: string;
  /** Lines with a lower number are skipped. */
  readonly nextOffset: number;
}

/** A file's topic, which is the hash of its first `head` bytes. */
interface FileName {
  readonly topic: string;
  readonly head: number;
}

interface Candidate {
  readonly name: FileName;
  readonly position: StoredPosition;
  readonly bookmark: FileBookmark | null;
}

/**
 * Finds the stored position of the file with this head; of several, the one with the highest offset. Without one the file
 * is new. A file that begins with the same record as a consumed file, but otherwise differs from it, is refused with
 * `SOURCE_CHANGED`: as a new file it would apply its events a second time.
 */
export function findFileStart(path: string, head: FileHead, stored: readonly StoredPosition[]): FileStart {
  const first = head.firstRecordHash();
  const files = stored.filter(
    ({ partition }) => partition.partition === 0 && /^file-[0-9a-f]{16}$/.test(partition.topic),
  );
  const found = files
    .map(position => match(head, position))
    .filter(candidate => candidate !== null)
    .toSorted((a, b) => b.position.nextOffset - a.position.nextOffset)[0];
  if (found === undefined) {
    refuseChanged(path, first, files);
    const name = { topic: head.topic(head.topicBytes), head: head.topicBytes };
    return { name, first, consumed: null, origin: path, nextOffset: 0 };
  }
  const { name, position, bookmark } = found;
  // A position without a bookmark, or with the bookmark of another offset, says nothing about the consumed bytes.
  const consumed = bookmark?.lines === position.nextOffset ? bookmark : null;
  return { name, first, consumed, origin: position.origin, nextOffset: position.nextOffset };
}

function match(head: FileHead, position: StoredPosition): Candidate | null {
  const { topic } = position.partition;
  const bookmark = decodeFileBookmark(position.bookmark);
  const length = bookmark === null ? head.topicBytesOf(topic) : bookmark.head;
  if (length === null || head.topic(length) !== topic) return null;
  return { name: { topic, head: length }, position, bookmark };
}

function refuseChanged(path: string, first: string, files: readonly StoredPosition[]): void {
  if (first === '') return;
  for (const { origin, bookmark } of files) {
    const consumed = decodeFileBookmark(bookmark);
    if (consumed?.first !== first) continue;
    const difference = `it begins with the same record, but not with the same ${consumed.head} bytes`;
    throw changedFile({ path, origin, consumed: unpackedBytes(consumed.bytes) }, difference);
  }
}
