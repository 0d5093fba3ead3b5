import { Command, CommanderError } from 'commander';
import { diskFailure } from '../connectors/disk.ts';
import { hasSystemCode, TidemarkError } from '../pipeline/errors.ts';
import { withExamples } from './command.ts';
import { readPackage } from './software.ts';

/** Each command by its name. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  demo: () => import('./commands/demo.ts').then(({ demoCommand }) => demoCommand()),
  ingest: () => import('./commands/ingest.ts').then(({ ingestCommand }) => ingestCommand()),
  export: () => import('./commands/export.ts').then(({ exportCommand }) => exportCommand()),
  exports: () => import('./commands/exports.ts').then(({ exportsCommand }) => exportsCommand()),
  cancel: () => import('./commands/cancel.ts').then(({ cancelCommand }) => cancelCommand()),
  run: () => import('./commands/run.ts').then(({ runCommand }) => runCommand()),
  status: () => import('./commands/status.ts').then(({ statusCommand }) => statusCommand()),
  partitions: () => import('./commands/partitions.ts').then(({ partitionsCommand }) => partitionsCommand()),
  quarantine: () => import('./commands/quarantine.ts').then(({ quarantineCommand }) => quarantineCommand()),
  schemas: () => import('./commands/schemas.ts').then(({ schemasCommand }) => schemasCommand()),
  token: () => import('./commands/token.ts').then(({ tokenCommand }) => tokenCommand()),
  replay: () => import('./commands/replay.ts').then(({ replayCommand }) => replayCommand()),
  replays: () => import('./commands/replays.ts').then(({ replaysCommand }) => replaysCommand()),
  verify: () => import('./commands/verify.ts').then(({ verifyCommand }) => verifyCommand()),
  config: () => import('./commands/config.ts').then(({ configCommand }) => configCommand()),
};

const examples = [
  'tidemark demo',
  'tidemark ingest events.ndjson.gz --db calls.duckdb',
  'tidemark export --db calls.duckdb --file-prefix day_ --time-from 2010-08-05T00:00:00Z',
];

const exitCodes = `
Exit codes: 0 done; 64 wrong usage or request; 65 the input cannot be used as it is; 66 the input is missing;
69 a server does not answer, try again; 70 the database is unreadable, or a bug; 73 cannot create the output;
74 writing failed, or the disk or the memory is full; 75 another process owns the file, or stopping took too long, try again;
77 a server refused access; 78 wrong configuration; 80 to 86 an export is not verified (tidemark verify --help);
130 interrupted.`;

/** Runs one command line and sets the process's exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const json = argv.includes('--json');
  watchOutput(json);
  try {
    const program = await buildProgram(argv[2]);
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error, json);
  }
}

/**
 * A reader of the output may close it, as `head` does: further output is dropped, and the work goes on to its end. Results
 * that cannot be written for another reason, such as a full disk, are a failure of the command.
 */
function watchOutput(json: boolean): void {
  let isReported = false;
  process.stdout.on('error', error => {
    if (isReported || hasSystemCode(error, 'EPIPE', 'ECONNRESET')) return;
    isReported = true;
    process.exitCode = report(diskFailure(error, 'write to standard output', 'NOT_WRITABLE'), json);
  });
  // There is nowhere else to say it.
  process.stderr.on('error', () => undefined);
}

/**
 * The command that is asked for, without the other ones: their libraries would take longer to load than most commands take to
 * run. All commands when none is asked for by its name, because help and suggestions list them.
 */
async function buildProgram(asked = ''): Promise<Command> {
  const { version } = readPackage();
  const program = withExamples(new Command('tidemark'), examples)
    .description('Exactly-once ETL from a service event log into DuckDB, with trustworthy windowed exports.')
    .version(version)
    .addHelpText('after', exitCodes);
  const wanted = Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands);
  const added = await Promise.all(wanted.map(name => commands[name]!()));
  for (const command of added) program.addCommand(command);
  for (const command of [program, ...added, ...added.flatMap(({ commands: inner }) => inner)]) command.exitOverride();
  return program;
}

/** Prints a failure to standard error and returns the exit code. An unexpected error is a bug; its stack trace is printed. */
function report(error: unknown, json: boolean): number {
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? 0 : new TidemarkError('USAGE', error.message).exitCode;
  if (!(error instanceof TidemarkError)) {
    console.error(error);
    return 70;
  }
  const { code, message, exitCode } = error;
  process.stderr.write(json ? `${JSON.stringify({ code, message })}\n` : `tidemark: ${message} [${code}]\n`);
  return exitCode;
}
