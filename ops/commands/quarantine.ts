import { Command } from 'commander';
import { stringify } from 'csv-stringify/sync';
import {
  type QuarantineEntry,
  type QuarantineFilter,
  readQuarantine,
} from '../../connectors/duckdb/store/quarantine.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import { commandWithSettings, prepareRun, type Run, wholeNumber, withExamples } from '../command.ts';
import { withExistingDatabase } from '../main.ts';

const listExamples = [
  'tidemark quarantine list --db calls.duckdb',
  'tidemark quarantine list --reason BAD_FIELD --json',
];
const showExamples = [
  'tidemark quarantine show file-0123456789abcdef 41 --db calls.duckdb',
  'tidemark quarantine show calls 7 --json',
];
const columns = ['topic', 'partition', 'offset', 'reason', 'field', 'message', 'value'] as const;

/** `tidemark quarantine list|show`: the records that could not be decoded, and why. */
export function quarantineCommand(): Command {
  const command = new Command('quarantine').description('list or show records that could not be decoded');
  return withExamples(command, [...listExamples, ...showExamples])
    .addCommand(listCommand())
    .addCommand(showCommand());
}

function listCommand(): Command {
  return commandWithSettings('list', 'list quarantined records as CSV, or with --json as JSON', ['db'], listExamples)
    .option('--topic <topic>', 'only records of this topic')
    .option('--reason <reason>', 'only records with this reason, such as MALFORMED')
    .option('--limit <records>', 'how many to list at most', wholeNumber, 1000)
    .action(async options => {
      const run = prepareRun(options);
      const entries = await find(run, { topic: options.topic, reason: options.reason, limit: options.limit });
      if (entries.length === options.limit)
        run.output.notice(`only the first ${options.limit} are listed; see --limit and --reason`);
      const rows = entries.map(listRow);
      run.output.result(
        run.output.json ? JSON.stringify(rows) : stringify(rows, { header: true, columns: [...columns] }).trimEnd(),
      );
    });
}

function showCommand(): Command {
  return commandWithSettings('show', 'show one record with its raw bytes', ['db'], showExamples)
    .argument('<topic>', 'topic, as listed')
    .argument('<offset>', 'offset, as listed', wholeNumber)
    .action(async (topic: string, offset: number, options) => {
      const run = prepareRun(options);
      const entries = await find(run, { topic, offset, limit: 100 });
      if (entries.length === 0)
        throw new TidemarkError(
          'SOURCE_MISSING',
          `nothing is quarantined at offset ${offset} of ${topic}; see: tidemark quarantine list`,
        );
      const rows = entries.map(entry => ({ ...listRow(entry), ...rawFields(entry) }));
      run.output.result(
        JSON.stringify(
          run.output.json ? rows : rows.length === 1 ? rows[0] : rows,
          null,
          run.output.json ? undefined : 2,
        ),
      );
    });
}

function find(
  run: Run,
  filter: { [key in keyof QuarantineFilter]: QuarantineFilter[key] | undefined },
): Promise<readonly QuarantineEntry[]> {
  const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
  return withExistingDatabase(run.config, database => readQuarantine(database, { limit: 1000, ...given }));
}

/** The row of a list; the first 200 characters of the value are enough to recognise a record. */
function listRow({ topic, partition, offset, reason, field, message, value }: QuarantineEntry) {
  return {
    topic,
    partition,
    offset,
    reason,
    field,
    message,
    value: value === null ? null : Buffer.from(value).toString('utf8').slice(0, 200),
  };
}

function rawFields({ recordTime, key, value, headers, schemaId }: QuarantineEntry) {
  const base64 = (bytes: Uint8Array | null): string | null =>
    bytes === null ? null : Buffer.from(bytes).toString('base64');
  return {
    record_time: recordTime === null ? null : new Date(recordTime).toISOString(),
    key_base64: base64(key),
    value_base64: base64(value),
    value: value === null ? null : Buffer.from(value).toString('utf8'),
    headers: headers === null ? [] : JSON.parse(headers),
    schema_id: schemaId,
  };
}
