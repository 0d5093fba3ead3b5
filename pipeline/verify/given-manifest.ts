import { checkSeal } from '../../schemas/manifest-text.ts';
import type { Manifest } from '../export/manifest.ts';
import { readParameters } from '../export/parameters.ts';
import { fileKinds, type Layout, type Selection } from '../export/selection.ts';
import { type Verdict, verdict } from './verdict.ts';

type Told = Manifest['partitions'][number];
type SinceContract3 = 'cluster_id' | 'topic_id' | 'quarantined' | 'last_record';

/** A manifest to verify. What a version before contract 3 did not write is absent; the rest has been checked. */
export interface GivenManifest
  extends Pick<
    Manifest,
    'request' | 'window' | 'filters' | 'status' | 'readings' | 'schema_ids' | 'files' | 'versions'
  > {
  readonly partitions: readonly (Omit<Told, SinceContract3> & Partial<Pick<Told, SinceContract3>>)[];
  readonly decoded_with?: Manifest['decoded_with'];
  readonly split_services?: number;
  readonly topics?: readonly Pick<Manifest['topics'][number], 'topic' | 'declared' | 'partitions'>[];
}

/** What an export selected and how its files are laid out. */
interface ExportForm {
  readonly selection: Selection;
  readonly layout: Layout;
}

/** The contract since which a manifest holds its own hash. */
const sealedSince = 3;

/**
 * Reads the bytes of a manifest file. Returns the verdict `manifest changed` when they are not what was written, or are no
 * manifest of an export.
 */
export function readManifest(bytes: Buffer): GivenManifest | Verdict {
  const seal = checkSeal(bytes);
  if (seal === 'changed') return verdict('manifest changed', 'its bytes do not have the hash manifest_sha256');
  let manifest: GivenManifest;
  try {
    manifest = withDefaults(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    if (!isManifest(manifest)) return verdict('manifest changed', 'it is no manifest of an export');
  } catch (error) {
    // Whatever is not there, or of another kind than a manifest has.
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError)) throw error;
    return verdict('manifest changed', 'it is no manifest of an export');
  }
  if (seal === 'unsealed' && !(manifest.versions.contract < sealedSince))
    return verdict('manifest changed', 'it does not end as it was written: with manifest_sha256, } and a line feed');
  return manifest;
}

export function isVerdict(read: GivenManifest | Verdict): read is Verdict {
  return 'answer' in read;
}

/** Fills in what manifests of contract 1 lack: all their files were read from their beginnings, in the order listed. */
function withDefaults(manifest: GivenManifest): GivenManifest {
  const partitions = manifest.partitions.map(told => {
    const kind = told.topic.startsWith('file-') || told.topic === 'stdin' ? 'file' : 'folder';
    return { ...{ kind, first_offset: 0, gaps: [] }, ...told } as Told;
  });
  const files = partitions.filter(({ kind }) => kind === 'file');
  const readings = files.map(({ topic, partition, next_offset: next }) => {
    return { topic, partition, first_offset: 0, next_offset: Number(next) };
  });
  return { ...{ readings, schema_ids: [] }, ...manifest, partitions };
}

/** Checks what the verification reads, so that no manifest, whoever wrote it, is taken for something else. */
function isManifest(manifest: GivenManifest): boolean {
  const { request, partitions, readings, schema_ids: ids, files, versions } = manifest;
  if (!Object.values(request).every(value => typeof value === 'string')) return false;
  const { selection, layout } = exportOf(manifest);
  const names = new Set(files.map(({ name }) => name));
  const kinds = files.map(({ kind }) => kind).toSorted();
  return (
    selection.timeFrom < selection.timeTo &&
    ['any', 'started', 'completed'].includes(selection.filterEvents) &&
    ['any', 'active', 'inactive'].includes(selection.filterState) &&
    String(kinds) === String(fileKinds(layout.format).toSorted()) &&
    names.size === files.length &&
    files.every(file => isText(file.name) && [file.rows, file.bytes, file.packed_bytes].every(isCount)) &&
    files.every(file => isText(file.sha256) && isText(file.packed_sha256)) &&
    partitions.every(told => isPartition(told) && [told.first_offset, told.next_offset].every(isCountOrNull)) &&
    partitions.every(told => Array.isArray(told.gaps) && ['live', 'folder', 'file'].includes(told.kind)) &&
    readings.every(reading => isPartition(reading) && isCount(reading.next_offset)) &&
    ids.every(isCount) &&
    (manifest.topics ?? []).every(({ topic, partitions: count }) => isText(topic) && isCountOrNull(count)) &&
    [versions.contract, versions.projection].every(isCount)
  );
}

function isPartition({ topic, partition }: { readonly topic: unknown; readonly partition: unknown }): boolean {
  return isText(topic) && isCount(partition);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isCountOrNull(value: unknown): boolean {
  return value === null || isCount(value);
}

/** Throws a `TypeError` when the request cannot be read, or asks for another window. */
export function exportOf({ request, window, filters }: GivenManifest): ExportForm {
  const read = readParameters(request, Number.MAX_SAFE_INTEGER);
  if ('faults' in read) throw new TypeError(read.faults.map(({ message }) => message).join('; '));
  const { timeFrom, timeTo } = read.parameters;
  const selection = {
    timeFrom: Date.parse(window.time_from),
    timeTo: Date.parse(window.time_to),
    filterEvents: filters.filter_events,
    filterState: filters.filter_state,
  };
  const isAsked = timeFrom === selection.timeFrom && (timeTo === null || timeTo === selection.timeTo);
  if (!isAsked) throw new TypeError('the window is not the one that was asked for');
  return { selection, layout: read.parameters };
}
