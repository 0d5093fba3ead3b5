import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { readFailure } from '../../connectors/disk.ts';
import { exportedFolder } from '../../connectors/export-directory/exported-folder.ts';
import { ContentHash } from '../../connectors/export-directory/pending-file.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { answerCodes, type Verdict } from '../../pipeline/verify/verdict.ts';
import { type ToVerify, verifyManifests } from '../../pipeline/verify/verify.ts';
import { commandWithSettings, prepareRun, type Run } from '../command.ts';
import type { Output } from '../output.ts';
import { withReplayLog } from '../replay/replay-into.ts';
import type { ReplayLog } from '../replay/replay-log.ts';
import { openNoticedRegistry } from '../schema-registry.ts';
import { openWorkDatabase } from '../verify/work-database.ts';

const codes = Object.entries(answerCodes).map(([answer, code]) => `${code} ${answer}`);

/** `tidemark verify`: whether the files of exports are what the log gives. */
export function verifyCommand(): Command {
  return commandWithSettings(
    'verify',
    'compare the files of exports with their manifests, and with the log',
    [
      ...(['memory_limit', 'threads', 'batch_records', 'batch_bytes', 'key_format'] as const),
      ...(['kafka_brokers', 'kafka_topics', 'kafka_group'] as const),
      ...(['registry_url', 'registry_username', 'registry_password_file', 'registry_ca_file'] as const),
    ],
    [
      'tidemark verify out/day_20100806_010000_000_manifest.json --log log/',
      'tidemark verify out/*_manifest.json --config tidemark.yaml',
      'tidemark verify out/*_manifest.json --files-only --json',
      'tidemark verify manifest.json --files /mnt/loaded --log events-1.ndjson.gz events-2.ndjson.gz',
    ],
  )
    .argument('<manifest...>', 'manifest files of exports')
    .option('--files <folder>', "the folder with the exported files (default: each manifest's own folder)")
    .option(
      '--log <path...>',
      'log folders and NDJSON files that hold the events; without any, the topics of Kafka that the manifests name',
    )
    .option('--files-only', 'compare the files with the manifest only; needs no log', false)
    .addHelpText(
      'after',
      '\nThe log is read into a database in the temporary folder (TMPDIR), which is removed afterwards; it takes about the room of the tables.',
    )
    .addHelpText('after', `\nExit codes, of the first manifest that is not verified: ${codes.join('; ')}.`)
    .action(async (paths: readonly string[], options) => verify(paths, options));
}

async function verify(paths: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void> {
  const run = prepareRun(options);
  const logs = (options.log ?? []) as readonly string[];
  if (logs.length === 0 && options.filesOnly !== true && run.config.kafka_brokers.length === 0)
    throw new TidemarkError(
      'USAGE',
      'verify needs --log <path...>, the setting kafka_brokers, or --files-only; see tidemark verify --help',
    );
  if (logs.length > 0 && options.filesOnly === true)
    throw new TidemarkError('USAGE', '--files-only reads no log, so it does not go with --log');
  const folder = typeof options.files === 'string' ? options.files : null;
  if (folder !== null && !statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new TidemarkError(
      'SOURCE_MISSING',
      `there is no folder ${folder}; --files names the folder with the exported files`,
    );
  const given: ToVerify[] = [];
  for (const path of paths)
    given.push({ path, bytes: await readManifestFile(path), files: exportedFolder(folder ?? dirname(path)) });
  const verdicts = new Map<string, Verdict>();
  const onVerdict = (path: string, verdict: Verdict): void => {
    verdicts.set(path, verdict);
    show(path, verdict, run.output);
  };
  const newHash = () => new ContentHash();
  if (options.filesOnly === true) await verifyManifests(given, { newHash, log: null }, onVerdict);
  else
    await withReplayLog(logs, run.config, replayRunOf(run), log =>
      verifyManifests(given, { newHash, log: logParts(log, run) }, onVerdict),
    );
  const failed = paths.map(path => verdicts.get(path)).find(verdict => verdict?.answer !== 'verified');
  if (failed !== undefined) process.exitCode = answerCodes[failed.answer];
}

function replayRunOf({ signal, output }: Run) {
  return { id: randomUUID().slice(0, 8), signal, notice: (sentence: string): void => output.notice(sentence) };
}

function logParts(log: ReplayLog, { config, signal, output }: Run) {
  return {
    log,
    open: () => openWorkDatabase(config),
    ingesting: {
      registry: openNoticedRegistry(config, sentence => output.notice(sentence)),
      clock: { now: Date.now },
      limits: { batchRecords: config.batch_records, batchBytes: config.batch_bytes },
      signal,
    },
    keyFormat: config.key_format,
  };
}

async function readManifestFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw readFailure(error, path);
  }
}

function show(manifest: string, { answer, details }: Verdict, output: Output): void {
  if (output.json) {
    output.result(JSON.stringify({ manifest, answer, code: answerCodes[answer], details }));
    return;
  }
  output.result(`${manifest}: ${answer}`);
  for (const detail of details) output.result(`  ${detail}`);
}
