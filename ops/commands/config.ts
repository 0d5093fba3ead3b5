import { Command } from 'commander';
import { commandWithSettings, prepareRun, withExamples } from '../command.ts';
import { checkConnections } from '../connections.ts';
import { formatTable } from '../output.ts';
import { settingNames } from '../settings/settings.ts';
import { checkSettings } from '../settings-check.ts';

interface Options extends Readonly<Record<string, unknown>> {
  readonly connect: boolean;
}

/**
 * `tidemark config check`: every setting with its value and where that comes from; or all faults at once. It opens a
 * connection only with `--connect`.
 */
export function configCommand(): Command {
  const examples = ['tidemark config check', 'tidemark config check --connect --config tidemark.yaml --json'];
  const check = commandWithSettings('check', 'check the configuration and show every setting', [], examples)
    .option(
      '--connect',
      'also check the export root, brokers, topics, rights and the schema registry, as run does',
      false,
    )
    .action((options: Options) => checkConfig(options));
  return withExamples(new Command('config').description('check and show the configuration'), examples).addCommand(
    check,
  );
}

async function checkConfig(options: Options): Promise<void> {
  const { config, places, output, signal } = prepareRun(options);
  checkSettings(config);
  const rows = settingNames.map(name => ({ name, value: config[name], place: places[name] }));
  const warnings = options.connect ? await checkConnections(config, signal) : null;
  if (output.json) {
    output.result(JSON.stringify(warnings === null ? rows : { settings: rows, warnings }));
    return;
  }
  const cells = rows.map(({ name, value, place }) => [name, JSON.stringify(value), place]);
  output.result(formatTable(['setting', 'value', 'from'], cells));
  for (const warning of warnings ?? []) output.notice(warning);
}
