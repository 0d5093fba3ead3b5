import { TidemarkError } from '../errors.ts';
import type { Layout, Selection } from '../export/selection.ts';
import type { Snapshot } from '../export/snapshot.ts';
import type { ByteSink } from '../ports.ts';
import { type FilesFound, isSame } from './check-files.ts';
import { findDifference, type RowDifference } from './compare-rows.ts';
import type { NewHash } from './exported-files.ts';
import { exportOf, type GivenManifest } from './given-manifest.ts';

/** A manifest whose own hash holds, and what was found of its files. */
export interface Checked {
  readonly path: string;
  readonly manifest: GivenManifest;
  readonly found: FilesFound;
}

export interface WorkSnapshot extends Snapshot {
  /** The ids of all services that have events from more than one log, deleted ones too: where these are, order decides. */
  splitServiceIds(): Promise<ReadonlySet<string>>;
}

interface ContentParts {
  readonly database: { snapshot(selection: Selection, layout: Layout): Promise<WorkSnapshot> };
  readonly newHash: NewHash;
  readonly signal: AbortSignal;
}

/** What was found of the rows that the log gives today. */
interface RowsFound {
  readonly differences: readonly string[];
  /** Selected services whose order is not in the log. */
  readonly splitServices: number;
  readonly notes: readonly string[];
}

/** Makes the files again, and compares them: by their hashes and, where these or the files themselves differ, row by row. */
export async function compareContent(
  checked: Checked,
  { database, newHash, signal }: ContentParts,
): Promise<RowsFound> {
  const { selection, layout } = exportOf(checked.manifest);
  const snapshot = await database.snapshot(selection, layout);
  const interrupt = (): void => snapshot.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    const without = await snapshot.splitServiceIds();
    const found: RowsFound[] = [];
    for (const told of checked.manifest.files) {
      if (signal.aborted) break;
      found.push(await compareFile(told, checked, { layout, snapshot, without, newHash }));
    }
    throwIfInterrupted(signal);
    return {
      differences: found.flatMap(({ differences }) => differences),
      splitServices: Math.max(checked.manifest.split_services ?? 0, snapshot.splitServices),
      notes: found.flatMap(({ notes }) => notes),
    };
  } catch (error) {
    throwIfInterrupted(signal);
    throw error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    await snapshot.close();
  }
}

interface FileComparison {
  readonly layout: Layout;
  readonly snapshot: WorkSnapshot;
  readonly without: ReadonlySet<string>;
  readonly newHash: NewHash;
}

async function compareFile(
  told: GivenManifest['files'][number],
  { found }: Checked,
  { layout, snapshot, without, newHash }: FileComparison,
): Promise<RowsFound> {
  const none = { differences: [], splitServices: 0, notes: [] };
  const hash = newHash();
  const { columns, valuesLeftOut } = await snapshot.write(told.kind, async bytes => hash.add(bytes));
  const isSameAgain = isSame(hash.finish(), told.bytes, told.sha256);
  const file = found.present.get(told.name);
  if (file === undefined) return none;
  if (isSameAgain && !found.differences.has(told.name))
    return { ...none, differences: without.size > 0 ? [] : describeLeftOut(told, valuesLeftOut) };
  // The extensions of split services may make other columns, and so change every row.
  if (without.size > 0 && String(columns) !== String(told.columns))
    return {
      ...none,
      notes: [`${told.name} has other columns than the log gives today, so its rows were not compared`],
    };
  const write = (sink: ByteSink) => snapshot.write(told.kind, sink);
  const difference = await findDifference({ layout, file: file.plain(), write, without }).catch(unlessDamaged);
  if (difference !== null) return { ...none, differences: [describeDifference(told.name, difference, layout)] };
  const isUnexplained = !isSameAgain && without.size === 0;
  return { ...none, differences: isUnexplained ? [`${told.name}: the log gives the same rows in other bytes`] : [] };
}

/** Values without a column alter no row; the manifest counts them. */
function describeLeftOut(
  { name, values_outside_columns: told }: GivenManifest['files'][number],
  now: number,
): readonly string[] {
  return (told ?? now) === now ? [] : [`${name}: ${told} values had no column, the log gives ${now}`];
}

function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new TidemarkError('INTERRUPTED', 'the verification was interrupted');
}

/** A file that cannot be unpacked has been named already; its rows cannot be compared. */
function unlessDamaged(error: unknown): null {
  if (error instanceof TidemarkError && error.code === 'SOURCE_CORRUPT') return null;
  throw error;
}

function describeDifference(name: string, { line, inFile, fromLog }: RowDifference, { format }: Layout): string {
  const unit = format === 'csv' ? 'row' : 'line';
  let at = 0;
  while (inFile !== null && fromLog !== null && at < inFile.length && inFile[at] === fromLog[at]) at += 1;
  const side = (text: string | null): string => (text === null ? `no further ${unit}` : shownAround(text, at));
  return `${name}, ${unit} ${line}: the file has ${side(inFile)}; the log gives ${side(fromLog)}`;
}

/** How much of a row is shown, in characters: rows may have megabytes. */
const shownCharacters = 2_000;
const shownBefore = 200;

/** A row as a JSON string, or of a long one the part around the place where it differs. */
function shownAround(row: string, at: number): string {
  if (row.length <= shownCharacters) return JSON.stringify(row);
  const from = Math.max(0, at - shownBefore);
  const part = row.slice(from, from + shownCharacters);
  return `${JSON.stringify(part)} (characters ${from + 1} to ${from + part.length} of ${row.length})`;
}
