import type { KeyFormat } from '../../schemas/cures.ts';
import { TidemarkError } from '../errors.ts';
import { projectionVersion } from '../export/manifest.ts';
import type { Layout, Selection } from '../export/selection.ts';
import type { Snapshot } from '../export/snapshot.ts';
import type { ReadingStore, Warehouse } from '../ingest/warehouse.ts';
import { partitionName } from '../partition.ts';
import type { ByteSink, PartitionId } from '../ports.ts';
import type { LogAgain, ReplayOptions } from '../replay/read-target.ts';
import { type FilesFound, isSame } from './check-files.ts';
import { findDifference, type RowDifference } from './compare-rows.ts';
import type { NewHash } from './exported-files.ts';
import { exportOf, type GivenManifest } from './given-manifest.ts';
import { consumed, differentRecords, isContinuation, rebuild } from './rebuild.ts';
import { type Verdict, verdict } from './verdict.ts';

/** A database that holds only what a verification reads again. */
export interface WorkDatabase {
  readonly warehouse: ReadingStore & Pick<Warehouse, 'sources'>;
  snapshot(selection: Selection, layout: Layout): Promise<WorkSnapshot>;
  /** Quarantined records of a partition: how many by reason, and the first of them. */
  quarantined(partition: PartitionId): Promise<QuarantinedThere>;
  close(): Promise<void>;
}

interface WorkSnapshot extends Snapshot {
  /** The ids of all services that have events from more than one log, deleted ones too: where these are, order decides. */
  splitServiceIds(): Promise<ReadonlySet<string>>;
}

interface QuarantinedThere {
  readonly reasons: ReadonlyMap<string, number>;
  readonly first: { readonly offset: number; readonly reason: string; readonly message: string } | null;
}

export interface LogParts {
  readonly log: LogAgain;
  /** Makes an empty work database. */
  open(): Promise<WorkDatabase>;
  readonly ingesting: Pick<ReplayOptions, 'registry' | 'clock' | 'signal' | 'limits'>;
  /** For manifests that do not say how records were read. */
  readonly keyFormat: KeyFormat;
}

/** A manifest whose own hash holds, and what was found of its files. */
export interface Checked {
  readonly path: string;
  readonly manifest: GivenManifest;
  readonly found: FilesFound;
}

interface RowParts extends LogParts {
  readonly newHash: NewHash;
}

/**
 * Verifies manifests by the log, in the order of their offsets: each goes on where the one before it ended, as long as it can.
 */
export async function verifyByLog(
  all: readonly Checked[],
  parts: RowParts,
  onVerdict: (path: string, verdict: Verdict) => void,
): Promise<void> {
  const left = all.toSorted((one, other) => recordsOf(one.manifest) - recordsOf(other.manifest));
  for (let at = 0; at < left.length; ) {
    const database = await parts.open();
    try {
      for (let before: GivenManifest | null = null; at < left.length; at += 1) {
        const checked: Checked = left[at]!;
        if (before !== null && !isContinuation(before, checked.manifest)) break;
        before = checked.manifest;
        const failed = await rebuild(checked.manifest, { ...parts, warehouse: database.warehouse });
        onVerdict(checked.path, await judge(checked, failed, { ...parts, database }));
        if (failed === null) continue;
        // The database now holds another part of the log than this manifest says.
        at += 1;
        break;
      }
    } finally {
      await database.close();
    }
  }
}

/** How many offsets were consumed; a manifest that continues another one has at least as many. */
function recordsOf(manifest: GivenManifest): number {
  const counts = consumed(manifest).map(({ first_offset: first, next_offset: next }) => (next ?? 0) - (first ?? 0));
  return counts.reduce((sum, count) => sum + count, 0);
}

interface Judging extends RowParts {
  readonly database: WorkDatabase;
}

/** The first answer that holds. Files that differ from the manifest are compared with the log, to show the first row. */
async function judge(checked: Checked, failed: Verdict | null, judging: Judging): Promise<Verdict> {
  const { manifest, found } = checked;
  const differing = verdictOfFiles(found);
  if (differing !== null) {
    const isKnown = failed === null && differentRecords(manifest, judging.database.warehouse).length === 0;
    const rows = isKnown ? (await compareContent(checked, judging)).differences : [];
    return verdict('files differ', ...differing.details, ...rows);
  }
  if (failed !== null) return failed;
  const records = differentRecords(manifest, judging.database.warehouse);
  if (records.length > 0) return verdict('log differs', ...records);
  const { projection } = manifest.versions;
  if (projection !== projectionVersion) {
    const versions = `projection ${projection} made it, this version of tidemark has projection ${projectionVersion}`;
    return verdict('other projection', `${versions}: the files were compared, the rows were not`);
  }
  const decoded = await describeDecoding(manifest, judging.database);
  if (decoded.length > 0) return verdict('decoded otherwise', ...decoded);
  const { differences, splitServices, notes } = await compareContent(checked, judging);
  if (differences.length > 0) return verdict('files differ', ...differences);
  if (splitServices === 0 && notes.length === 0) return verdict('verified', ...found.notes);
  const compared = `${splitServices} split services; all others were compared`;
  return verdict('order not in the log', compared, ...notes, ...found.notes);
}

/** The verdict on the files alone; null when they are as the manifest says. */
export function verdictOfFiles({ differences }: FilesFound): Verdict | null {
  return differences.size === 0 ? null : verdict('files differ', ...differences.values());
}

/** The partitions of which another number of records was quarantined than today. */
async function describeDecoding(manifest: GivenManifest, { warehouse, quarantined }: WorkDatabase) {
  const known = warehouse.sources().partitions;
  const described: string[] = [];
  for (const told of consumed(manifest)) {
    const now = known.get(partitionName(told))?.quarantined ?? 0;
    if (told.quarantined === undefined || told.quarantined === now) continue;
    const { reasons, first } = await quarantined(told);
    const counts = Array.from(reasons, ([reason, count]) => `${count} ${reason}`).join(', ') || 'none';
    const shown = first === null ? '' : `; the first now is offset ${first.offset}, ${first.reason}: ${first.message}`;
    described.push(
      `${partitionName(told)}: ${told.quarantined} records were quarantined then, ${now} now (${counts})${shown}`,
    );
  }
  return described;
}

/** What was found of the rows that the log gives today. */
interface RowsFound {
  readonly differences: readonly string[];
  /** Selected services whose order is not in the log. */
  readonly splitServices: number;
  readonly notes: readonly string[];
}

/** Makes the files again, and compares them: by their hashes and, where these or the files themselves differ, row by row. */
async function compareContent(checked: Checked, { database, newHash, ingesting }: Judging): Promise<RowsFound> {
  const { selection, layout } = exportOf(checked.manifest);
  const { signal } = ingesting;
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
  const side = (text: string | null): string => (text === null ? `no further ${unit}` : JSON.stringify(text));
  return `${name}, ${unit} ${line}: the file has ${side(inFile)}; the log gives ${side(fromLog)}`;
}
