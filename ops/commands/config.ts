import { Command } from 'commander';
import { commandWithSettings, withExamples } from '../command.ts';
import { formatTable, openOutput } from '../output.ts';
import { readConfig } from '../settings/config.ts';
import { settingNames } from '../settings/settings.ts';

/** `tidemark config check`: every setting with its value and where that comes from; or all faults at once. */
export function configCommand(): Command {
  const examples = ['tidemark config check', 'tidemark config check --config tidemark.yaml --json'];
  const check = commandWithSettings('check', 'check the configuration and show every setting', [], examples);
  check.action((options: { readonly config?: string; readonly json: boolean }) => {
    const { config, places } = readConfig({ file: options.config ?? null, environment: process.env, flags: {} });
    const output = openOutput(options.json);
    const rows = settingNames.map(name => ({ name, value: config[name], place: places[name] }));
    if (options.json) output.result(JSON.stringify(rows));
    else
      output.result(
        formatTable(
          ['setting', 'value', 'from'],
          rows.map(({ name, value, place }) => [name, JSON.stringify(value), place]),
        ),
      );
  });
  return withExamples(new Command('config').description('check and show the configuration'), examples).addCommand(
    check,
  );
}
