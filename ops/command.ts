import { Command, InvalidArgumentError } from 'commander';
import { interruptSignal } from './ending.ts';
import { type Output, openOutput } from './output.ts';
import { readConfig } from './settings/config.ts';
import { type Config, flagOf, type SecretName, type SettingName, settings } from './settings/settings.ts';

/** What every command needs. */
export interface Run {
  readonly config: Config;
  /** Where each setting comes from. */
  readonly places: ReturnType<typeof readConfig>['places'];
  readonly output: Output;
  /** Aborts on Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/**
 * A command whose flags are settings: flag, default and help come from the setting. Secrets are no flags, because every
 * user of the machine can read command lines.
 */
export function commandWithSettings(
  name: string,
  summary: string,
  flags: readonly Exclude<SettingName, SecretName>[],
  examples: readonly string[],
): Command {
  const command = new Command(name)
    .description(summary)
    .option('--config <file>', 'YAML file of settings (default: tidemark.yaml, if it is there)');
  for (const flag of flags) {
    const { help, default: value } = settings[flag];
    command.option(`${flagOf(flag)} <${flag}>`, `${help} (default: ${JSON.stringify(value)})`);
  }
  command.option('--json', 'print results as JSON, for machines', false);
  return withExamples(command, examples);
}

/** The value given for the flag of a setting or parameter; undefined when the flag was not given. */
export function givenOption(options: Readonly<Record<string, unknown>>, name: string): unknown {
  return options[name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())];
}

export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map(example => `  $ ${example}`).join('\n')}`);
}

/** Reads the settings from flags, environment and file, and opens the output. Throws `CONFIG_INVALID`. */
export function prepareRun(options: Readonly<Record<string, unknown>>): Run {
  const flags: Record<string, unknown> = {};
  for (const name of Object.keys(settings)) {
    const value = givenOption(options, name);
    if (value !== undefined) flags[name] = value;
  }
  const file = typeof options.config === 'string' ? options.config : null;
  const { config, places } = readConfig({ file, environment: process.env, flags });
  let signal: AbortSignal | null = null;
  return {
    ...{ config, places, output: openOutput(options.json === true) },
    // Only for commands that use it: the others end at the first Ctrl-C, as any program.
    get signal() {
      signal ??= interruptSignal();
      return signal;
    },
  };
}

/** Reads an argument or option that is a whole number. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Allowed is a whole number.');
  return Number(text);
}
