import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import type { Completeness } from '../completeness/verdict.ts';
import type { FileFacts, StoredPosition, WrittenRows } from '../ports.ts';
import type { GivenParameters } from './parameters.ts';
import type { FileKind, Selection } from './selection.ts';

/** Versions of the contract (`docs/contract.md`) for the files, and of the fold for the rows. */
const contractVersion = 1;
const projectionVersion = 1;

export interface WrittenFile extends FileFacts, WrittenRows {
  readonly kind: FileKind;
}

interface ManifestParts {
  readonly requestId: string;
  readonly parameters: GivenParameters;
  readonly selection: Selection;
  readonly positions: readonly StoredPosition[];
  readonly schemaIds: readonly number[];
  readonly completeness: Completeness;
  readonly files: readonly WrittenFile[];
  readonly software: string;
}

/** Everything needed to make an export again from the log and compare. Its only times are those of the window. */
export type Manifest = ReturnType<typeof buildManifest>;

export function buildManifest(parts: ManifestParts) {
  const { requestId, parameters, selection, positions, schemaIds, completeness, files, software } = parts;
  return {
    request_id: requestId,
    request: parameters,
    window: { time_from: formatTimestamp(selection.timeFrom), time_to: formatTimestamp(selection.timeTo) },
    filters: { filter_events: selection.filterEvents, filter_state: selection.filterState },
    status: completeness.status,
    reasons: completeness.reasons,
    partitions: positions.map(({ partition, nextOffset }) => ({ ...partition, next_offset: nextOffset })),
    schema_ids: schemaIds,
    files: files.map(({ name, kind, rows, columns, valuesLeftOut, plain, packed }) => ({
      name,
      kind,
      rows,
      columns,
      values_outside_columns: valuesLeftOut,
      bytes: plain.bytes,
      sha256: plain.sha256,
      packed_bytes: packed.bytes,
      packed_sha256: packed.sha256,
    })),
    versions: { software, zlib: process.versions.zlib, contract: contractVersion, projection: projectionVersion },
  };
}
