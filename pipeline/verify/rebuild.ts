import type { KeyFormat } from '../../schemas/cures.ts';
import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import type { ReplayTarget, Source } from '../completeness/sources.ts';
import { TidemarkError } from '../errors.ts';
import type { ReadingStore, Warehouse } from '../ingest/warehouse.ts';
import { partitionName } from '../partition.ts';
import type { LostRecords } from '../ports.ts';
import { isOfLog, type LogAgain, type ReplayOptions, readTargets } from '../replay/read-target.ts';
import type { GivenManifest } from './given-manifest.ts';
import { type Verdict, verdict } from './verdict.ts';

interface Rebuilding {
  readonly log: LogAgain;
  readonly warehouse: ReadingStore & Pick<Warehouse, 'sources'>;
  readonly ingesting: Pick<ReplayOptions, 'registry' | 'clock' | 'signal' | 'limits'>;
  readonly keyFormat: KeyFormat;
}

type ManifestPartition = GivenManifest['partitions'][number];

/**
 * Reads the log into the warehouse exactly up to the offsets of the manifest. What an earlier call stored must be a part of it
 * (`isContinuation`). Returns a verdict when the log does not hold it any more; null when it was rebuilt.
 */
export async function rebuild(manifest: GivenManifest, rebuilding: Rebuilding): Promise<Verdict | null> {
  const lost = await missingSchemas(manifest, rebuilding);
  if (lost !== null) return lost;
  for (const targets of rebuilding.log.together(targetsOf(manifest))) {
    const failure = await failureOf(targets, manifest, rebuilding);
    if (rebuilding.ingesting.signal.aborted) throw new TidemarkError('INTERRUPTED', 'the verification was interrupted');
    if (failure !== null) return verdict('cannot be rebuilt', failure);
  }
  const known = rebuilding.warehouse.sources().partitions;
  const short = consumed(manifest).flatMap(told => describeShort(told, known.get(partitionName(told))));
  return short.length === 0 ? null : verdict('cannot be rebuilt', ...short);
}

/** Partitions in their order, then the parts of files and of standard input in the order in which they were consumed. */
export function targetsOf(manifest: GivenManifest): readonly ReplayTarget[] {
  const partitions = consumed(manifest).filter(({ kind }) => kind !== 'file');
  return [
    ...partitions.map(({ topic, partition, kind, first_offset: first, next_offset: until, gaps }) => {
      const range = { from: first ?? 0, until: until ?? 0 };
      return { partition: { topic, partition }, kind, ...range, mayHaveGaps: gaps.length > 0 };
    }),
    ...manifest.readings.map(({ topic, partition, next_offset: until }) => {
      return { partition: { topic, partition }, kind: 'file' as const, from: 0, until, mayHaveGaps: false };
    }),
  ];
}

/** The partitions of which something is stored. */
export function consumed({ partitions }: GivenManifest): readonly ManifestPartition[] {
  return partitions.filter(({ next_offset: next }) => next !== null);
}

/** Whether the offsets of the manifest can be reached from those of another one by reading on. */
export function isContinuation(from: GivenManifest, to: GivenManifest): boolean {
  const target = new Map(consumed(to).map(each => [partitionName(each), each]));
  const isReached = consumed(from).every(each => {
    const later = target.get(partitionName(each));
    return later?.first_offset === each.first_offset && (later.next_offset ?? 0) >= (each.next_offset ?? 0);
  });
  const isPrefix = from.readings.every((reading, index) => {
    const later = to.readings[index];
    const isLast = index === from.readings.length - 1;
    if (later === undefined || partitionName(later) !== partitionName(reading)) return false;
    return isLast ? later.next_offset >= reading.next_offset : later.next_offset === reading.next_offset;
  });
  // Rows that were decoded with other settings are other rows.
  const isDecodedAlike = JSON.stringify(from.decoded_with?.at(-1)) === JSON.stringify(to.decoded_with?.at(-1));
  return isReached && isPrefix && isDecodedAlike;
}

async function missingSchemas({ schema_ids: ids }: GivenManifest, { ingesting }: Rebuilding): Promise<Verdict | null> {
  const { registry, signal } = ingesting;
  if (ids.length === 0) return null;
  if (registry === null || registry === undefined)
    return verdict(
      'cannot be rebuilt',
      `the records were written with schemas (ids ${ids.join(', ')}), and registry_url is not set`,
    );
  const missing: number[] = [];
  for (const id of ids) if ((await registry.schemaOf(id, signal)) === null) missing.push(id);
  return missing.length === 0
    ? null
    : verdict('cannot be rebuilt', `the schema registry no longer knows the schema ids ${missing.join(', ')}`);
}

const howRecognized = '; a file is recognized by its first 64 KiB, unpacked, whatever its name is';

/** Reads targets that are read together; returns why they cannot be read, or null. */
async function failureOf(
  targets: readonly ReplayTarget[],
  manifest: GivenManifest,
  { log, warehouse, ingesting, keyFormat }: Rebuilding,
): Promise<string | null> {
  const decoding = manifest.decoded_with?.at(-1);
  const bound = decoding?.max_record_bytes ?? null;
  const options = {
    ...ingesting,
    keyFormat: decoding?.key_format ?? keyFormat,
    ...(bound === null ? {} : { maxRecordBytes: bound }),
  };
  try {
    if (await readTargets(targets, { log, warehouse, options })) return null;
    const names = targets.map(({ partition }) => partitionName(partition)).join(', ');
    return `no log that was given holds ${names}${targets.some(({ kind }) => kind === 'file') ? howRecognized : ''}`;
  } catch (error) {
    if (isOfLog(error)) return error.message;
    throw error;
  }
}

/** Lines without a record, and markers of transactions, may follow the last record: then the last record says that all was read. */
function describeShort(told: ManifestPartition, known: Source | undefined): readonly string[] {
  const next = known?.nextOffset ?? null;
  const isWhole = next === told.next_offset || (told.last_record ?? null)?.offset === known?.lastRecord?.offset;
  if (isWhole && next !== null) return describeGaps(told, known?.gaps ?? []);
  const ends = next === null ? 'holds none of the records' : `ends at offset ${next}`;
  return [`${partitionName(told)} ${ends}; the manifest's next offset is ${told.next_offset}`];
}

/** A gap of today that the manifest does not name was lost since; one that it names may be readable today, and is not read. */
function describeGaps(told: ManifestPartition, gaps: readonly LostRecords[]): readonly string[] {
  const isTold = (gap: LostRecords): boolean => told.gaps.some(({ from, to }) => from === gap.from && to === gap.to);
  return gaps
    .filter(gap => !isTold(gap))
    .map(
      ({ from, to }) => `${partitionName(told)}: the log no longer holds the offsets from ${from} on and below ${to}`,
    );
}

/** How the last records differ from those that the manifest names; empty when none does. */
export function differentRecords(manifest: GivenManifest, warehouse: Pick<Warehouse, 'sources'>): readonly string[] {
  const known = warehouse.sources().partitions;
  return consumed(manifest).flatMap(told => {
    const record = told.last_record ?? null;
    const found = known.get(partitionName(told))?.lastRecord ?? null;
    if (record === null) return [];
    const time = found === null || found.time === null ? null : formatTimestamp(found.time);
    const isSame = found?.offset === record.offset && found.sha256 === record.sha256 && time === record.time;
    return isSame
      ? []
      : [`${partitionName(told)}: the record at offset ${record.offset} is another one than was consumed`];
  });
}
