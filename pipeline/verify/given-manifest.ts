import { checkSeal } from '../../schemas/manifest-text.ts';
import type { Manifest } from '../export/manifest.ts';
import { readParameters } from '../export/parameters.ts';
import type { Layout, Selection } from '../export/selection.ts';
import { type Verdict, verdict } from './verdict.ts';

/** A manifest to verify. Members that a version before contract 3 did not write may be missing. */
export type GivenManifest = Manifest;

/** The contract since which a manifest holds its own hash. */
const sealedSince = 3;

/** Reads the bytes of a manifest file. Returns the verdict `manifest changed` when they are not what was written. */
export function readManifest(bytes: Buffer): GivenManifest | Verdict {
  const seal = checkSeal(bytes);
  if (seal === 'changed') return verdict('manifest changed', 'its bytes do not have the hash manifest_sha256');
  const manifest = parse(bytes);
  if (manifest === null) return verdict('manifest changed', 'it is no manifest of an export');
  if (seal === 'unsealed' && !(manifest.versions.contract < sealedSince))
    return verdict('manifest changed', 'it does not end in manifest_sha256 and the line end');
  return manifest;
}

export function isVerdict(read: GivenManifest | Verdict): read is Verdict {
  return 'answer' in read;
}

function parse(bytes: Buffer): GivenManifest | null {
  try {
    const manifest = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as GivenManifest;
    const lists = [manifest.files, manifest.partitions, manifest.readings];
    const isManifest =
      lists.every(Array.isArray) &&
      typeof manifest.window.time_from === 'string' &&
      typeof manifest.request === 'object';
    return isManifest && typeof manifest.versions.contract === 'number' ? manifest : null;
  } catch {
    return null;
  }
}

/** What the export selected and how its files are laid out. Throws when the manifest's own request cannot be read. */
export function exportOf({ request, window, filters }: GivenManifest): { selection: Selection; layout: Layout } {
  const read = readParameters(request, Number.MAX_SAFE_INTEGER);
  if ('faults' in read)
    throw new Error(`the request in the manifest is faulty: ${read.faults.map(({ message }) => message)}`);
  const selection = {
    timeFrom: Date.parse(window.time_from),
    timeTo: Date.parse(window.time_to),
    filterEvents: filters.filter_events,
    filterState: filters.filter_state,
  };
  return { selection, layout: read.parameters };
}
