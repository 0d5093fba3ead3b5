import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Ingested, StoredGroup } from '../../pipeline/ingest/ingest.ts';
import { partitionName } from '../../pipeline/partition.ts';
import { commandWithSettings, prepareRun, type Run } from '../command.ts';
import { formatCount, formatSeconds, formatTable } from '../output.ts';
import { startProgress } from '../progress.ts';
import { planFor, replayInto } from '../replay/replay-into.ts';

/** `tidemark replay`: the log, or a part of it, read again into a database of its own. */
export function replayCommand(): Command {
  return commandWithSettings(
    'replay',
    'read the log again into a database of its own, which exports can be made from',
    [
      ...(['memory_limit', 'threads', 'batch_records', 'batch_bytes', 'key_format', 'max_record_bytes'] as const),
      ...(['allowed_lateness_ms', 'clock_lateness_ms', 'skew_ms'] as const),
      ...(['registry_url', 'registry_username', 'registry_password_file', 'registry_ca_file'] as const),
    ],
    [
      'tidemark replay log/ --into march.duckdb --until 2026-04-01T00:00:00Z',
      'tidemark replay events-1.ndjson.gz events-2.ndjson --into then.duckdb --until manifest:out/day_manifest.json',
      'tidemark replay log/ --into part.duckdb --until calls@0123456789ab/0=120000 --dry-run',
    ],
  )
    .argument('<path...>', 'log folders and NDJSON files (plain or .gz), in the order in which they are read')
    .requiredOption('--into <file>', 'the DuckDB file to make; the same command goes on with one that was interrupted')
    .option('--from <place>', 'beginning, a time of the log, or topic/partition=offset,…', 'beginning')
    .option('--until <place>', 'now, a time of the log, topic/partition=offset,…, or manifest:<path>', 'now')
    .option('--allow-gaps', 'go on where the log no longer holds what was asked for; manifests name the gap', false)
    .option('--dry-run', 'say what would be read, and read nothing', false)
    .action(async (paths: readonly string[], options) => replay(paths, options));
}

async function replay(paths: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const run = prepareRun(options);
  const config = { ...run.config, db: String(options.into) };
  const asked = {
    from: String(options.from),
    until: String(options.until),
    paths,
    allowGaps: options.allowGaps === true,
  };
  const notice = (sentence: string): void => run.output.notice(sentence);
  if (options.dryRun === true) {
    const plan = await planFor(asked, config);
    for (const note of plan.notes) notice(note);
    return showPlan(plan.replay.targets, run);
  }
  const began = performance.now();
  const progress = startProgress(existsSync(config.db) ? 'replay, going on' : 'replay', null, run.output);
  const onStored = ({ batches }: StoredGroup): void => {
    for (const { facts, bytesRead } of batches) progress.advance(bytesRead, facts.recordsRead);
  };
  const counts = await replayInto(asked, config, {
    ...{ signal: run.signal, notice, onStored },
    onPlan: () => undefined,
  }).finally(() => progress.end());
  if (run.signal.aborted)
    throw new TidemarkError('INTERRUPTED', 'interrupted between two transactions; run the same command again to go on');
  report(config.db, counts, performance.now() - began, run);
}

/** What would be read of each partition. Without an end, a file is read to its end. */
function showPlan(targets: readonly ReplayTarget[], { output }: Run): void {
  const listed = targets.map(({ partition, kind, from, until, mayHaveGaps }) => {
    const records = until === null ? null : until - from;
    return { ...partition, kind, from, until, records, may_have_gaps: mayHaveGaps };
  });
  if (output.json) {
    output.result(JSON.stringify(listed));
    return;
  }
  const rows = targets.map(({ partition, from, until }) => [
    ...[partitionName(partition), from, until ?? 'its end'],
    until === null ? 'all' : formatCount(until - from),
  ]);
  output.result(formatTable(['partition', 'from', 'until', 'records'], rows));
}

function report(
  into: string,
  { recordsRead, applied, quarantined }: Ingested,
  milliseconds: number,
  { output }: Run,
): void {
  if (output.json) {
    const counted = { records_read: recordsRead, applied, quarantined };
    output.result(JSON.stringify({ into, ...counted, seconds: milliseconds / 1000 }));
    return;
  }
  const sum = `${formatCount(recordsRead)} records read = ${formatCount(applied)} applied + ${formatCount(quarantined)} quarantined`;
  output.result(`${into}: ${sum}, in ${formatSeconds(milliseconds)}`);
  output.result(`\nexport from it with: tidemark export --db ${into} …`);
}
