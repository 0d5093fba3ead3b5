import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import type { ExportDirectory } from '../ports.ts';
import type { Manifest } from './manifest.ts';
import type { ExportRecord } from './request.ts';

/**
 * The manifest of a request that has not ended, and whose files all have their names and are whole, as their manifest file
 * says; null otherwise. An older copy of the database, put back after the request had ended, knows it so. A request without a
 * manifest file is run again and compared instead.
 */
export async function findPublished(record: ExportRecord, directory: ExportDirectory): Promise<Manifest | null> {
  const { parameters, destination, names } = record.plan;
  const manifestName = names.find(name => name.endsWith('_manifest.json'));
  if (!parameters.manifest || manifestName === undefined) return null;
  const manifest = decodeManifest(await directory.manifestText(destination, manifestName));
  if (manifest === null || !isOf(record, manifest)) return null;
  for (const name of names.filter(other => other !== manifestName)) {
    const told = manifest.files.find(file => file.name === name);
    const found = await directory.contentOf(destination, name);
    if (found === null || found.sha256 !== told?.packed_sha256) return null;
  }
  return manifest;
}

/** A manifest of the same request, made at another time, would name other files. */
function isOf({ requestId, plan }: ExportRecord, manifest: Manifest): boolean {
  const { time_from, time_to } = manifest.window;
  const isSameWindow =
    time_from === formatTimestamp(plan.parameters.timeFrom) && time_to === formatTimestamp(plan.timeTo);
  return manifest.request_id === requestId && isSameWindow && manifest.files.length === plan.names.length - 1;
}

/** Null for what is no manifest of this version. */
function decodeManifest(text: string | null): Manifest | null {
  try {
    const manifest = JSON.parse(text ?? '') as Manifest;
    return Array.isArray(manifest.files) && typeof manifest.window === 'object' ? manifest : null;
  } catch {
    return null;
  }
}
