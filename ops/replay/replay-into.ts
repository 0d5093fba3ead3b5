import { existsSync } from 'node:fs';
import { readSources } from '../../connectors/duckdb/store/source-rows.ts';
import type { ReplayTarget, Sources } from '../../pipeline/completeness/sources.ts';
import type { Ingested, IngestOptions, StoredGroup } from '../../pipeline/ingest/ingest.ts';
import { commandOf, runReplay } from '../../pipeline/replay/replay.ts';
import { latenessOf, withDatabase, withWarehouse } from '../main.ts';
import { openSchemaRegistry } from '../schema-registry.ts';
import type { Config } from '../settings/settings.ts';
import { openGivenLogs } from './given-logs.ts';
import { type AskedReplay, type Planned, planReplay } from './planning.ts';

interface ReplayRun extends Pick<IngestOptions, 'signal'> {
  /** Called with what a user should know, as a sentence. */
  readonly notice: (sentence: string) => void;
  /** Called with what is to be read, and what is stored of it already, before the first record is read. */
  readonly onPlan: (targets: readonly ReplayTarget[], stored: Sources) => void;
  readonly onStored: (stored: StoredGroup) => void;
}

/** Finds out what a replay would read. Throws as `planReplay` does. */
export function planFor(asked: AskedReplay, config: Config): Promise<Planned> {
  return planReplay({ ...asked, lateness: latenessOf(config), skewMs: config.skew_ms });
}

/**
 * Reads the log again into the database `config.db`, which is made, or gone on with where the same replay was interrupted. Ends
 * between two transactions when the signal aborts. Returns what this call read. Throws as `planReplay` and `runReplay` do.
 */
export async function replayInto(
  asked: AskedReplay,
  config: Config,
  { signal, notice, onPlan, onStored }: ReplayRun,
): Promise<Ingested> {
  const plan = (await recordedPlan(asked, config)) ?? (await planFor(asked, config));
  for (const note of plan.notes) notice(note);
  const counts = { recordsRead: 0, applied: 0, quarantined: 0 };
  const registry = openSchemaRegistry(
    config,
    problem => notice(problem === null ? 'the schema registry answers again' : `waiting: ${problem}`),
    notice,
  );
  const options = {
    keyFormat: config.key_format,
    maxRecordBytes: config.max_record_bytes,
    registry,
    clock: { now: Date.now },
    signal,
    onStored: (stored: StoredGroup) => {
      for (const { facts } of stored.batches) {
        counts.recordsRead += facts.recordsRead;
        counts.applied += facts.applied;
        counts.quarantined += facts.quarantined;
      }
      onStored(stored);
    },
  };
  await withDatabase(config, database =>
    withWarehouse(config, database, async warehouse => {
      const stored = warehouse.sources();
      onPlan((stored.replay ?? plan.replay).targets, stored);
      await runReplay(plan.replay, { log: await openGivenLogs(asked.paths, config), warehouse, options });
    }),
  );
  return counts;
}

/**
 * The plan of the same replay that was interrupted; null where there is none. It is not made anew: the log may have lost by now
 * what is stored already.
 */
async function recordedPlan({ from, until, paths, allowGaps }: AskedReplay, config: Config): Promise<Planned | null> {
  if (!existsSync(config.db)) return null;
  return withDatabase(config, async database => {
    const connection = await database.connect();
    try {
      const { replay } = (await readSources(connection)).sources;
      if (replay === null || commandOf(replay) !== commandOf({ from, until, paths, allowGaps })) return null;
      return { replay, notes: [] };
    } finally {
      connection.closeSync();
    }
  });
}
