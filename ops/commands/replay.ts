import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Ingested } from '../../pipeline/ingest/ingest.ts';
import { partitionName } from '../../pipeline/partition.ts';
import { commandWithSettings, prepareRun, type Run } from '../command.ts';
import { formatBytes, formatCount, formatSeconds, formatTable } from '../output.ts';
import { type Progress, startProgress, type Whole } from '../progress.ts';
import type { Planned } from '../replay/planning.ts';
import { type PlannedReading, planFor, replayInto, withReplayLog } from '../replay/replay-into.ts';

/** `tidemark replay`: the log, or a part of it, read again into a database of its own. */
export function replayCommand(): Command {
  return commandWithSettings(
    'replay',
    'read the log again into a database of its own, which exports can be made from',
    [
      ...(['memory_limit', 'threads', 'batch_records', 'batch_bytes', 'key_format', 'max_record_bytes'] as const),
      ...(['kafka_brokers', 'kafka_topics', 'kafka_partitions', 'kafka_group'] as const),
      ...(['allowed_lateness_ms', 'clock_lateness_ms', 'skew_ms', 'export_wait_ms'] as const),
      ...(['registry_url', 'registry_username', 'registry_password_file', 'registry_ca_file'] as const),
    ],
    [
      'tidemark replay --config tidemark.yaml --into march.duckdb --until 2026-04-01T00:00:00Z',
      'tidemark replay log/ --into march.duckdb --until 2026-04-01T00:00:00Z',
      'tidemark replay events-1.ndjson.gz events-2.ndjson --into then.duckdb --until manifest:out/day_manifest.json',
      'tidemark replay log/ --into part.duckdb --until calls@0123456789ab/0=120000 --dry-run',
    ],
  )
    .argument(
      '[path...]',
      'log folders and NDJSON files (plain or .gz), in the order in which they are read; without any, the topics of Kafka that the settings name',
    )
    .requiredOption('--into <file>', 'the DuckDB file to make; the same command goes on with one that was interrupted')
    .option('--from <place>', 'beginning, a time of the log, or topic/partition=offset,…', 'beginning')
    .option('--until <place>', 'now, a time of the log, topic/partition=offset,…, or manifest:<path>', 'now')
    .option('--allow-gaps', 'go on where the log no longer holds what was asked for; manifests name the gap', false)
    .option('--dry-run', 'say what would be read, and read nothing', false)
    .action(async (paths: readonly string[], options) => replay(paths, options));
}

async function replay(paths: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const run = prepareRun(options);
  const { signal, output } = run;
  const config = { ...run.config, db: String(options.into) };
  if (paths.length === 0 && config.kafka_brokers.length === 0)
    throw new TidemarkError(
      'USAGE',
      'replay needs log folders or files, or the settings kafka_brokers and kafka_topics; see tidemark replay --help',
    );
  const allowGaps = options.allowGaps === true;
  const asked = { from: String(options.from), until: String(options.until), paths, allowGaps };
  const notice = (sentence: string): void => output.notice(sentence);
  const id = randomUUID().slice(0, 8);
  if (options.dryRun === true)
    return withReplayLog(paths, config, { id, signal, notice }, async log =>
      showPlan(await planFor(asked, config, log, { signal, notice }), run),
    );
  const began = performance.now();
  const label = existsSync(config.db) ? 'replay, going on' : 'replay';
  let progress: Progress | null = null;
  const counts = await replayInto(asked, config, {
    ...{ id, signal, notice },
    onPlan: plan => {
      progress = startProgress(label, leftToRead(plan), output);
    },
    onStored: ({ batches }) => {
      for (const { facts, bytesRead } of batches) progress?.advance(bytesRead, facts.recordsRead);
    },
  }).finally(() => progress?.end());
  if (signal.aborted)
    throw new TidemarkError('INTERRUPTED', 'interrupted between two transactions; run the same command again to go on');
  report(config.db, counts, performance.now() - began, run);
}

/** The records, where every end is known; else the encoded bytes of the logs. */
function leftToRead({ targets, stored: { partitions }, bytes }: PlannedReading): Whole {
  let records = 0;
  for (const { partition, from, until } of targets) {
    if (until === null) return bytes === null ? null : { bytes };
    records += Math.max(0, until - (partitions.get(partitionName(partition))?.nextOffset ?? from));
  }
  return { records };
}

/** About what one core stores; the time that a plan tells is a guess. */
const recordsPerSecond = 50_000;

/** What would be read of each partition, and what is not there any more. Without an end, a file is read to its end. */
function showPlan({ replay: { targets }, notes, losses, bytes }: Planned, { output }: Run): void {
  for (const sentence of [...notes, ...losses]) output.notice(sentence);
  const listed = targets.map(({ partition, kind, from, until, mayHaveGaps }) => {
    const records = until === null ? null : until - from;
    return { ...partition, kind, from, until, records, may_have_gaps: mayHaveGaps };
  });
  const records = listed.reduce<number | null>(
    (sum, each) => (sum === null || each.records === null ? null : sum + each.records),
    0,
  );
  const seconds = records === null ? null : Math.ceil(records / recordsPerSecond);
  if (output.json) {
    output.result(JSON.stringify({ partitions: listed, records, bytes, seconds, notes, losses }));
    return;
  }
  const rows = targets.map(({ partition, from, until }) => [
    ...[partitionName(partition), from, until ?? 'its end'],
    until === null ? 'all' : formatCount(until - from),
  ]);
  output.result(formatTable(['partition', 'from', 'until', 'records'], rows));
  const counted = records === null ? 'all records of the files' : `${formatCount(records)} records`;
  const size = bytes === null ? '' : `; the logs have ${formatBytes(bytes)}`;
  output.result(`${counted}${seconds === null ? '' : `, in about ${seconds} s`}${size}`);
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
