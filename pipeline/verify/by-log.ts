import type { KeyFormat } from '../../schemas/cures.ts';
import { projectionVersion } from '../export/manifest.ts';
import type { Layout, Selection } from '../export/selection.ts';
import type { ReadingStore, Warehouse } from '../ingest/warehouse.ts';
import { partitionName } from '../partition.ts';
import type { PartitionId } from '../ports.ts';
import type { LogAgain, ReplayOptions } from '../replay/read-target.ts';
import type { FilesFound } from './check-files.ts';
import { type Checked, compareContent, type WorkSnapshot } from './compare-content.ts';
import type { NewHash } from './exported-files.ts';
import type { GivenManifest } from './given-manifest.ts';
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
  const { database, newHash, ingesting } = judging;
  const contentParts = { database, newHash, signal: ingesting.signal };
  const differing = verdictOfFiles(found);
  if (differing !== null) {
    const isKnown = failed === null && differentRecords(manifest, database.warehouse).length === 0;
    const rows = isKnown ? (await compareContent(checked, contentParts)).differences : [];
    return verdict('files differ', ...differing.details, ...rows);
  }
  if (failed !== null) return failed;
  const records = differentRecords(manifest, database.warehouse);
  if (records.length > 0) return verdict('log differs', ...records);
  const { projection } = manifest.versions;
  if (projection !== projectionVersion) {
    const versions = `projection ${projection} made it, this version of tidemark has projection ${projectionVersion}`;
    return verdict('other projection', `${versions}: the files were compared, the rows were not`);
  }
  const decoded = await describeDecoding(manifest, database);
  if (decoded.length > 0) return verdict('decoded otherwise', ...decoded);
  const { differences, splitServices, notes } = await compareContent(checked, contentParts);
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
