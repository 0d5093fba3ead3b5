import { link, rm } from 'node:fs/promises';
import path from 'node:path';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import { diskFailure, syncFolder } from '../disk.ts';
import { lstatOrNull } from './folders.ts';
import { hiddenName } from './hidden-names.ts';

/** One file between its two names. */
interface Passage {
  readonly name: string;
  readonly hidden: string;
  readonly final: string;
}

/** How far a file is: `linked` has both names, `done` only the final one, `taken` finds the final one held by another. */
type Stage = 'waiting' | 'linked' | 'done' | 'taken' | 'lost';

/**
 * Gives the request's sealed files their names, in order; all of them or none. Each step can be repeated, so a crash
 * anywhere is finished by calling again: a name that is a second link to our hidden file is already ours, and hidden
 * files go only when every name stands. On any failure the names are taken back. Throws `NAME_TAKEN`,
 * `EXPORT_FAILED` when a sealed file is missing, and what the disk refuses (`NOT_WRITABLE`, `DISK_FULL`).
 */
export async function publishFiles(folder: string, requestId: string, names: readonly string[]): Promise<void> {
  const passages = names.map(name => ({
    name,
    hidden: path.join(folder, hiddenName(requestId, name, 'sealed')),
    final: path.join(folder, name),
  }));
  try {
    await linkAll(folder, passages);
  } catch (error) {
    throw diskFailure(error, `publish files in ${folder}`, 'EXPORT_FAILED');
  }
  // Every name stands and is durable, so the export has succeeded: a hidden name that cannot go is no reason to say
  // otherwise. The next sweep of the request takes it.
  await removeHidden(folder, passages).catch(() => undefined);
}

async function removeHidden(folder: string, passages: readonly Passage[]): Promise<void> {
  await Promise.all(passages.map(({ hidden }) => rm(hidden, { force: true })));
  await syncFolder(folder);
}

async function linkAll(folder: string, passages: readonly Passage[]): Promise<void> {
  try {
    const stages = await findStages(passages);
    for (const [index, passage] of passages.entries()) if (stages[index] !== 'done') await linkOne(passage);
    await syncFolder(folder);
  } catch (error) {
    await takeBack(folder, passages);
    throw error;
  }
}

/**
 * A hidden file may be missing only because an earlier call came to removing them, and then every name stands. One that
 * is missing while another still waits was lost, and the file under its name is not ours.
 */
async function findStages(passages: readonly Passage[]): Promise<readonly Stage[]> {
  const stages = await Promise.all(passages.map(stageOf));
  const isHalf = stages.includes('done') && (stages.includes('waiting') || stages.includes('taken'));
  const lost = passages.find((_, index) => stages[index] === 'lost' || (isHalf && stages[index] === 'done'));
  if (lost === undefined) return stages;
  const problem = `the sealed file ${lost.hidden} of ${lost.name} is missing, so nothing was published`;
  throw new TidemarkError('EXPORT_FAILED', problem);
}

async function linkOne(passage: Passage): Promise<void> {
  try {
    await link(passage.hidden, passage.final);
  } catch (error) {
    if (!hasSystemCode(error, 'EEXIST')) throw error;
    // Ours already, by a call that was cut off (or by this one, where a network disk repeats itself).
    if ((await stageOf(passage)) === 'linked') return;
    const problem = `the name ${passage.final} belongs to another file, which stays as it is; nothing was published`;
    throw new TidemarkError('NAME_TAKEN', problem, { cause: error });
  }
}

/** Last name first: whoever waits for the last one never sees it without the others. */
async function takeBack(folder: string, passages: readonly Passage[]): Promise<void> {
  for (const passage of passages.toReversed()) {
    if ((await stageOf(passage)) === 'linked') await rm(passage.final);
  }
  await syncFolder(folder);
}

async function stageOf({ hidden, final }: Passage): Promise<Stage> {
  const [ours, visible] = await Promise.all([lstatOrNull(hidden), lstatOrNull(final)]);
  if (ours === null) return visible === null ? 'lost' : 'done';
  if (visible === null) return 'waiting';
  return ours.ino === visible.ino && ours.dev === visible.dev ? 'linked' : 'taken';
}
