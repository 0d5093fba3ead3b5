import type { StoredPosition } from '../../../pipeline/ports.ts';
import { changedFile } from './changed-file.ts';
import { decodeFileBookmark, type FileBookmark } from './file-bookmark.ts';
import type { FileHead } from './file-head.ts';

/** Where reading of a file goes on. */
export interface FileStart {
  readonly name: FileName;
  /** Hash of the start up to the end of the first record; empty when no record is in sight. */
  readonly first: string;
  /** What was consumed, to be compared; null when all lines are counted from the beginning. */
  readonly consumed: FileBookmark | null;
  /** Records of lines below it are passed over. */
  readonly nextOffset: number;
}

/** A file's topic, and of how many bytes from the start it is the hash. */
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
 * Finds the stored position of the file that begins like this; of several the one which consumed most. A file that begins
 * with the same record as a consumed one, but is not that one any more, is refused with `SOURCE_CHANGED`: taken for a new
 * file, it would apply its events a second time.
 */
export function findFileStart(path: string, head: FileHead, stored: readonly StoredPosition[]): FileStart {
  const first = head.first();
  const files = stored.filter(
    ({ partition }) => partition.partition === 0 && /^file-[0-9a-f]{16}$/.test(partition.topic),
  );
  const found = files
    .map(position => match(head, position))
    .filter(candidate => candidate !== null)
    .toSorted((a, b) => b.position.nextOffset - a.position.nextOffset)[0];
  if (found === undefined) {
    refuseChanged(path, first, files);
    return { name: { topic: head.topic(head.namedBy), head: head.namedBy }, first, consumed: null, nextOffset: 0 };
  }
  const { name, position, bookmark } = found;
  // A position that was set by offset alone (a replay up to somewhere) may carry no bookmark, or one of another place.
  const consumed = bookmark?.lines === position.nextOffset ? bookmark : null;
  return { name, first, consumed, nextOffset: position.nextOffset };
}

function match(head: FileHead, position: StoredPosition): Candidate | null {
  const { topic } = position.partition;
  const bookmark = decodeFileBookmark(position.bookmark);
  const length = bookmark === null ? head.lengthNamed(topic) : bookmark.head;
  if (length === null || head.topic(length) !== topic) return null;
  return { name: { topic, head: length }, position, bookmark };
}

function refuseChanged(path: string, first: string, files: readonly StoredPosition[]): void {
  if (first === '') return;
  for (const { origin, bookmark } of files) {
    const consumed = decodeFileBookmark(bookmark);
    if (consumed?.first !== first) continue;
    const what = `it begins with the same record as what was consumed from ${origin}, but not with the same ${consumed.head} bytes`;
    const other = 'if it is another file, put an empty line before its first';
    throw changedFile(path, consumed.bytes, `${what} (${other})`);
  }
}
