import { type LogParts, verdictOfFiles, verifyByLog } from './by-log.ts';
import { checkFiles } from './check-files.ts';
import type { Checked } from './compare-content.ts';
import type { ExportedFiles, NewHash } from './exported-files.ts';
import { exportOf, isVerdict, readManifest } from './given-manifest.ts';
import { type Verdict, verdict } from './verdict.ts';

/** A manifest to verify, and where its files lie. */
export interface ToVerify {
  readonly path: string;
  readonly bytes: Buffer;
  readonly files: ExportedFiles;
}

interface Verifying {
  readonly newHash: NewHash;
  /** Null: only the files are compared. */
  readonly log: LogParts | null;
}

/**
 * Verifies manifests: first their own hashes and their files, then, in the order of their offsets, the log. Manifests of one
 * history are verified in one pass over the log. Calls `onVerdict` once for each, as soon as it is known. Throws when
 * the log or the disk does not answer, and `INTERRUPTED`.
 */
export async function verifyManifests(
  given: readonly ToVerify[],
  { newHash, log }: Verifying,
  onVerdict: (path: string, verdict: Verdict) => void,
): Promise<void> {
  const toRebuild: Checked[] = [];
  for (const { path, bytes, files } of given) {
    const manifest = readManifest(bytes);
    if (isVerdict(manifest)) {
      onVerdict(path, manifest);
      continue;
    }
    const found = await checkFiles(manifest, files, { layout: exportOf(manifest).layout, newHash });
    if (log === null || manifest.files.some(({ name }) => !found.present.has(name)))
      onVerdict(path, verdictOfFiles(found) ?? verdict('verified', 'the files; the log was not read', ...found.notes));
    else toRebuild.push({ path, manifest, found });
  }
  if (log !== null && toRebuild.length > 0) await verifyByLog(toRebuild, { ...log, newHash }, onVerdict);
}
