import { type ExportedType, entityTables, exportedType } from '../../schemas/columns.ts';
import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import { sealManifest } from '../../schemas/manifest-text.ts';
import type { RecordMark } from '../completeness/batch-facts.ts';
import {
  type Lateness,
  type Replay,
  type Source,
  type SourceEnd,
  type Sources,
  shownPlace,
  watermarkOf,
} from '../completeness/sources.ts';
import type { Completeness } from '../completeness/verdict.ts';
import { partitionName } from '../partition.ts';
import type { FileFacts } from '../ports.ts';
import type { GivenParameters } from './parameters.ts';
import { entityOf, type FileKind, type Layout, type Selection } from './selection.ts';
import type { WrittenRows } from './snapshot.ts';

/** Versions of the contract (`docs/contract.md`): of sections 3 and 4 for the files, of 1 and 2 for the rows. */
const contractVersion = 3;
export const projectionVersion = 2;

export interface WrittenFile extends FileFacts, WrittenRows {
  readonly kind: FileKind;
}

interface ManifestParts {
  readonly requestId: string;
  readonly parameters: GivenParameters;
  readonly selection: Selection;
  readonly extensions: Layout['extensions'];
  /** The sources in the snapshot, and those that the export was judged by. */
  readonly sources: Sources;
  readonly judged: Sources;
  readonly lateness: Lateness;
  readonly schemaIds: readonly number[];
  readonly servicesWithoutStart: number;
  readonly splitServices: number;
  readonly completeness: Completeness;
  readonly files: readonly WrittenFile[];
  readonly software: string;
}

/** Everything needed to make an export again from the log and compare, and what its verdict rests on. */
export type Manifest = ReturnType<typeof buildManifest>;

/** The manifest of contract 4.19. Its members have this order in manifest files. */
export function buildManifest(parts: ManifestParts) {
  const { requestId, parameters, selection, sources, judged, schemaIds, completeness, files, software } = parts;
  return sealManifest({
    request_id: requestId,
    request: parameters,
    window: { time_from: formatTimestamp(selection.timeFrom), time_to: formatTimestamp(selection.timeTo) },
    filters: { filter_events: selection.filterEvents, filter_state: selection.filterState },
    status: completeness.status,
    reasons: completeness.reasons,
    vouched_by: completeness.vouchedBy,
    covers_until: formatNullable(sources.coversUntil),
    topics: judged.topics.map(({ topic, declared, partitions, end }) => ({
      ...{ topic, declared, partitions },
      ended_by_hand: describeHand(end),
    })),
    partitions: Array.from(sources.partitions.values()).flatMap(source => describeSource(source, parts)),
    readings: sources.readings.map(({ partition, from, next }) => ({
      ...partition,
      first_offset: from,
      next_offset: next,
    })),
    decoded_with: sources.decodings.map(({ keyFormat, maxRecordBytes, hasRegistry }) => ({
      key_format: keyFormat,
      max_record_bytes: maxRecordBytes,
      registry: hasRegistry,
    })),
    rows_from: describeOrigin(sources.replay),
    services_without_start: parts.servicesWithoutStart,
    split_services: parts.splitServices,
    schema_ids: schemaIds,
    files: files.map(({ name, kind, rows, columns, valuesLeftOut, plain, packed }) => ({
      name,
      kind,
      rows,
      columns,
      column_types: columns.map((column, index) => typeOfColumn(kind, column, index, parts.extensions)),
      values_outside_columns: valuesLeftOut,
      bytes: plain.bytes,
      sha256: plain.sha256,
      packed_bytes: packed.bytes,
      packed_sha256: packed.sha256,
    })),
    versions: { software, zlib: process.versions.zlib, contract: contractVersion, projection: projectionVersion },
  });
}

function typeOfColumn(kind: FileKind, column: string, index: number, extensions: Layout['extensions']): ExportedType {
  const isCore = index < entityTables[entityOf[kind]].exported.length;
  return isCore ? exportedType(column) : extensions === 'json' ? 'json' : 'text';
}

/** A source of which something was stored, or that was ended by hand, as manifests show it. */
function describeSource(source: Source, { judged, lateness }: ManifestParts) {
  const { partition, kind, firstOffset, nextOffset, end } = source;
  const vouching = judged.partitions.get(partitionName(partition)) ?? source;
  if (nextOffset === null && end?.by !== 'hand') return [];
  const shown = {
    ...partition,
    kind,
    first_offset: firstOffset,
    next_offset: nextOffset,
    watermark: formatNullable(watermarkOf(vouching, lateness)),
    cluster_id: source.ids?.cluster ?? null,
    topic_id: source.ids?.topic ?? null,
    quarantined: source.quarantined,
    last_record: describeRecord(source.lastRecord),
    gaps: source.gaps.map(({ from, to, reason }) => ({ from, to, reason })),
    ended_by_hand: describeHand(end),
  };
  return [shown];
}

/** Where the rows came from. Of a replay, the places from and up to which it read the log, as they were given. */
function describeOrigin(replay: Replay | null) {
  if (replay === null) return { kind: 'live' };
  const { from, until, allowGaps, isFinished } = replay;
  return { kind: 'replay', from, until: shownPlace(until), allow_gaps: allowGaps, finished: isFinished };
}

function describeRecord(record: RecordMark | null) {
  return record === null ? null : { offset: record.offset, time: formatNullable(record.time), sha256: record.sha256 };
}

function describeHand(end: SourceEnd | null) {
  return end?.by === 'hand' ? { by: end.who, at: formatTimestamp(end.at) } : null;
}

function formatNullable(time: number | null): string | null {
  return time === null ? null : formatTimestamp(time);
}
