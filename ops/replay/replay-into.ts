import { existsSync } from 'node:fs';
import { noSources, type Replay, type ReplayTarget, type Sources } from '../../pipeline/completeness/sources.ts';
import type { Ingested, IngestOptions, StoredGroup } from '../../pipeline/ingest/ingest.ts';
import type { Log } from '../../pipeline/ports.ts';
import { runReplay } from '../../pipeline/replay/replay.ts';
import { latenessOf, withDatabase, withWarehouse } from '../main.ts';
import { describeLost } from '../output.ts';
import { openNoticedRegistry } from '../schema-registry.ts';
import type { Config } from '../settings/settings.ts';
import { openGivenLogs } from './given-logs.ts';
import { KafkaReplayLog } from './kafka-log.ts';
import { type AskedReplay, type Planned, planReplay, refuseLosses } from './planning.ts';
import type { ReplayLog } from './replay-log.ts';

interface ReplayRun extends Pick<IngestOptions, 'signal'> {
  /** Names the consumer group of a replay from Kafka, `<kafka_group>-replay-<id>`. */
  readonly id: string;
  /** Called with what a user should know, as a sentence. */
  readonly notice: (sentence: string) => void;
  /** Called before the first record is read. */
  readonly onPlan: (plan: PlannedReading) => void;
  readonly onStored: (stored: StoredGroup) => void;
}

/** What is to be read, what is stored of it already, and the encoded bytes of the logs where they are known. */
export interface PlannedReading {
  readonly targets: readonly ReplayTarget[];
  readonly stored: Sources;
  readonly bytes: number | null;
}

/** Where a replay reads: these paths or, without any, the topics of Kafka that the settings name. */
export async function withReplayLog<T>(
  paths: readonly string[],
  config: Config,
  { id, signal, notice }: Pick<ReplayRun, 'id' | 'signal' | 'notice'>,
  use: (log: ReplayLog) => Promise<T>,
): Promise<T> {
  const log =
    paths.length > 0 ? await openGivenLogs(paths) : new KafkaReplayLog(config, { id, signal, log: noticed(notice) });
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

/** Warnings and errors are what a user should know; the rest is of use for a service only. Gaps are told with the batch behind them. */
function noticed(notice: (sentence: string) => void): Log {
  const ignore = (): void => undefined;
  const tell = ({ code }: { readonly code?: unknown }, sentence: string): void => {
    if (code !== 'RECORDS_LOST') notice(sentence);
  };
  return { debug: ignore, info: ignore, warn: tell, error: tell };
}

/** Finds out what a replay would read. Throws as `planReplay` does. */
export function planFor(
  asked: AskedReplay,
  config: Config,
  log: ReplayLog,
  { signal, notice }: Pick<ReplayRun, 'signal' | 'notice'>,
): Promise<Planned> {
  const { skew_ms: skewMs, export_wait_ms: waitMs } = config;
  const named = { ...asked, paths: sourceNames(asked.paths, config) };
  return planReplay(named, log, { lateness: latenessOf(config), skewMs, waitMs, signal, notice });
}

/** The paths of a replay; of one from Kafka, the settings that say what is read, so that only the same ones go on with it. */
function sourceNames(paths: readonly string[], { kafka_topics: topics, kafka_partitions: partitions }: Config) {
  if (paths.length > 0) return paths;
  const declared = partitions === null ? [] : [`kafka_partitions=${partitions.join(',')}`];
  return [`kafka_topics=${topics.join(',')}`, ...declared];
}

/**
 * Reads the log again into the database `config.db`, which is made, or gone on with where the same replay was interrupted. Ends
 * between two transactions when the signal aborts. Returns what this call read. Throws as `planReplay`, `refuseLosses` and
 * `runReplay` do.
 */
export function replayInto(asked: AskedReplay, config: Config, run: ReplayRun): Promise<Ingested> {
  return withReplayLog(asked.paths, config, run, async log => {
    const known = await interruptedReplay(config);
    if (known !== null) {
      run.onPlan({ targets: known.replay.targets, stored: known.sources, bytes: null });
      // The targets are those of the first plan; a replay that was asked for otherwise is refused.
      const { from, until, paths, allowGaps } = asked;
      const command = { from, until, allowGaps, paths: sourceNames(paths, config) };
      return readPlanned({ ...known.replay, ...command }, log, config, run);
    }
    const plan = await planFor(asked, config, log, run);
    for (const note of plan.notes) run.notice(note);
    refuseLosses(plan);
    run.onPlan({ targets: plan.replay.targets, stored: noSources, bytes: plan.bytes });
    return readPlanned(plan.replay, log, config, run);
  });
}

/**
 * What an earlier process was asked for; null where there is no database of a replay. It is not planned anew: the log may have lost
 * by now what is stored already.
 */
async function interruptedReplay(config: Config) {
  if (!existsSync(config.db)) return null;
  return withDatabase(config, database =>
    withWarehouse(config, database, async warehouse => {
      const sources = warehouse.sources();
      return sources.replay && { replay: sources.replay, sources };
    }),
  );
}

async function readPlanned(
  replay: Replay,
  log: ReplayLog,
  config: Config,
  { signal, notice, onStored }: ReplayRun,
): Promise<Ingested> {
  const counts = { recordsRead: 0, applied: 0, quarantined: 0 };
  const options = {
    keyFormat: config.key_format,
    maxRecordBytes: config.max_record_bytes,
    registry: openNoticedRegistry(config, notice),
    clock: { now: Date.now },
    limits: { batchRecords: config.batch_records, batchBytes: config.batch_bytes },
    signal,
    onStored: (stored: StoredGroup) => {
      for (const { facts } of stored.batches) {
        if (facts.lost !== null) notice(describeLost(facts.partition, facts.lost));
        counts.recordsRead += facts.recordsRead;
        counts.applied += facts.applied;
        counts.quarantined += facts.quarantined;
      }
      onStored(stored);
    },
  };
  await withDatabase(config, database =>
    withWarehouse(config, database, async warehouse => runReplay(replay, { log, warehouse, options })),
  );
  return counts;
}
