import { constants, type FileHandle, link, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { diskFailure, readAt, syncFolder } from '../disk.ts';
import { lstatOrNull } from './folders.ts';
import { hiddenName, type OwnedRequest } from './hidden-names.ts';

/** One file of the request with the paths of its hidden and its final name. */
interface FileNames {
  readonly name: string;
  readonly hidden: string;
  readonly final: string;
}

/**
 * Which of the two names exist. `sealed`: the hidden one. `linked`: both, for the same file. `equal`: both, for two files of
 * the same content. `published`: the final one. `taken`: both, but the final one belongs to another file. `lost`: neither.
 */
type LinkState = 'sealed' | 'linked' | 'equal' | 'published' | 'taken' | 'lost';

/**
 * Links the request's sealed files to their final names, in the given order; all of them or none. After a crash it can be
 * called again and completes the work: a final name that is a link to the hidden file counts as done, and hidden files are
 * removed only when all final names are durable. In a whole set, a file with the same content counts as done, too: after an
 * older copy of the database was put back, a request runs again whose files are there. On a failure the linked names are removed again. Throws `NAME_TAKEN`,
 * `EXPORT_FAILED` when a sealed file is missing, and `NOT_WRITABLE` or `DISK_FULL` from the disk.
 */
export async function publishFiles(folder: string, request: OwnedRequest, names: readonly string[]): Promise<void> {
  const files = names.map(name => ({
    name,
    hidden: path.join(folder, hiddenName(request, name, 'sealed')),
    final: path.join(folder, name),
  }));
  try {
    await linkAll(folder, files);
  } catch (error) {
    throw diskFailure(error, `publish files in ${folder}`, 'EXPORT_FAILED');
  }
  // All names are durable, so the export has succeeded even if a hidden name cannot be removed; the next sweep removes it.
  await removeHidden(folder, files).catch(() => undefined);
}

async function removeHidden(folder: string, files: readonly FileNames[]): Promise<void> {
  await Promise.all(files.map(({ hidden }) => rm(hidden, { force: true })));
  await syncFolder(folder);
}

async function linkAll(folder: string, files: readonly FileNames[]): Promise<void> {
  try {
    const states = await linkStates(files);
    for (const [index, file] of files.entries())
      if (states[index] !== 'published' && states[index] !== 'equal') await linkOne(file);
    await syncFolder(folder);
  } catch (error) {
    await unlinkAll(folder, files);
    throw error;
  }
}

/**
 * A hidden file may be missing only when an earlier call linked all names and began to remove hidden files. If one is missing
 * while another is not linked, it was lost, and the file under its final name belongs to something else.
 */
async function linkStates(files: readonly FileNames[]): Promise<readonly LinkState[]> {
  const states = await Promise.all(files.map(linkState));
  const isPartial = states.includes('published') && (states.includes('sealed') || states.includes('taken'));
  const lost = files.find((_, index) => states[index] === 'lost' || (isPartial && states[index] === 'published'));
  if (lost === undefined) return withoutHalfSets(states);
  const problem = `the sealed file ${lost.hidden} of ${lost.name} is missing, so nothing was published`;
  throw new TidemarkError('EXPORT_FAILED', problem);
}

/**
 * Files of the same content count only where the last one has its name, too: they are a whole set. Those of a set that is not
 * whole may be removed again by whoever is publishing it.
 */
function withoutHalfSets(states: readonly LinkState[]): readonly LinkState[] {
  const last = states.at(-1);
  if (last === 'equal' || last === 'published') return states;
  return states.map(state => (state === 'equal' ? 'taken' : state));
}

async function linkOne(file: FileNames): Promise<void> {
  try {
    await link(file.hidden, file.final);
  } catch (error) {
    if (!hasSystemCode(error, 'EEXIST')) throw error;
    // The link may exist already: an earlier call made it, or this call when a network file system repeats the operation.
    if ((await linkState(file)) === 'linked') return;
    const problem = `the name ${file.final} belongs to another file, which is not replaced; nothing was published`;
    throw new TidemarkError('NAME_TAKEN', problem, { cause: error });
  }
}

/** The last name is removed first: a reader that waits for it never sees it without the others. */
async function unlinkAll(folder: string, files: readonly FileNames[]): Promise<void> {
  for (const file of files.toReversed()) {
    if ((await linkState(file)) === 'linked') await rm(file.final);
  }
  await syncFolder(folder);
}

async function linkState({ hidden, final }: FileNames): Promise<LinkState> {
  const [sealed, visible] = await Promise.all([lstatOrNull(hidden), lstatOrNull(final)]);
  if (sealed === null) return visible === null ? 'lost' : 'published';
  if (visible === null) return 'sealed';
  if (sealed.ino === visible.ino && sealed.dev === visible.dev) return 'linked';
  const mayBeEqual = visible.isFile() && visible.size === sealed.size;
  return mayBeEqual && (await haveSameContent(hidden, final)) ? 'equal' : 'taken';
}

const comparedBytes = 1 << 20;

async function haveSameContent(one: string, other: string): Promise<boolean> {
  const first = await open(one, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const second = await open(other, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return await haveSameBytes(first, second);
    } finally {
      await second.close();
    }
  } finally {
    await first.close();
  }
}

/** Whether two files of the same size have the same bytes. */
async function haveSameBytes(first: FileHandle, second: FileHandle): Promise<boolean> {
  for (let at = 0; ; at += comparedBytes) {
    const [one, other] = await Promise.all([readAt(first, at, comparedBytes), readAt(second, at, comparedBytes)]);
    if (!one.equals(other)) return false;
    if (one.length < comparedBytes) return true;
  }
}
