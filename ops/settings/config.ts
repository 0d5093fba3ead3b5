import { readFileSync } from 'node:fs';
import { closest } from 'fastest-levenshtein';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { type PrefixMap, prefixMapFaults } from '../../connectors/export-directory/prefix-map.ts';
import { hasSystemCode, TidemarkError } from '../../pipeline/errors.ts';
import type { Setting } from './kinds.ts';
import { hidden } from './secret.ts';
import { readSecretFiles } from './secret-files.ts';
import { type Config, flagOf, isSecret, type SettingName, settingNames, settings } from './settings.ts';

/** Where settings come from. A flag wins over a variable, a variable over the file, the file over the default. */
interface ConfigSources {
  /** A YAML file; null for `tidemark.yaml` in the working directory, if there is one. */
  readonly file: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Values of command-line flags, by setting name. */
  readonly flags: Readonly<Record<string, unknown>>;
}

/** A value as it was given, and where, for messages. */
interface Given {
  readonly name: string;
  readonly value: unknown;
  readonly place: string;
  /** True in files and flags, which other users of the machine may read: no place for a secret. */
  readonly isReadable?: boolean;
}

interface ResolvedConfig {
  readonly config: Config;
  /** For each setting, where its value was found. */
  readonly places: Readonly<Record<SettingName, string>>;
}

const prefix = 'TIDEMARK_';
const defaultFile = 'tidemark.yaml';
const uncheckedTls = 'NODE_TLS_REJECT_UNAUTHORIZED';

/** Reads all settings. Throws `CONFIG_INVALID` naming every fault at once: place, value, and what is allowed. */
export function readConfig(sources: ConfigSources): ResolvedConfig {
  const faults: string[] = [];
  const config: Record<string, unknown> = {};
  const places: Record<string, string> = {};
  for (const name of settingNames) {
    config[name] = settings[name].default;
    places[name] = 'default';
  }
  for (const { name, value, place, isReadable } of [
    ...fromFile(sources, faults),
    ...fromEnvironment(sources),
    ...fromFlags(sources),
  ]) {
    if (!isSetting(name)) {
      faults.push(`${place}: ${name} is not a setting; did you mean ${closest(name, [...settingNames])}?`);
      continue;
    }
    const { kind }: Setting<unknown> = settings[name];
    if (isSecret(name) && isReadable === true && value !== null) {
      faults.push(
        `${place}: ${name} is a secret; allowed are the variable ${variableOf(name)} and the setting ${name}_file`,
      );
      continue;
    }
    const read = kind.read(value);
    if (read === undefined)
      faults.push(`${place}: ${name} is ${isSecret(name) ? hidden : shown(value)}; allowed is ${kind.allowed}`);
    config[name] = read;
    places[name] = place;
  }
  readSecretFiles(config, places, faults);
  for (const fault of prefixMapFaults((config.prefix_map ?? {}) as PrefixMap))
    faults.push(`${places.prefix_map}: ${fault}`);
  // With this variable Node checks no certificate of any TLS connection, whatever the settings say.
  if (sources.environment[uncheckedTls] === '0') {
    const instead = 'a _ca_file setting names the authority that signs a certificate';
    faults.push(`${uncheckedTls} is "0", so no certificate would be checked; it must not be set: ${instead}`);
  }
  if (faults.length > 0) throw new TidemarkError('CONFIG_INVALID', faults.join('\n'));
  // Every setting has its default or a value that its kind has read.
  return { config: Object.freeze(config) as Config, places: places as Record<SettingName, string> };
}

/** A value for a message, without the password that an address may hold. */
function shown(value: unknown): string {
  return String(JSON.stringify(value)).replaceAll(/\/\/[^"\s]*@/g, `//${hidden}@`);
}

function isSetting(name: string): name is SettingName {
  return Object.hasOwn(settings, name);
}

function fromFile({ file, environment }: ConfigSources, faults: string[]): readonly Given[] {
  const path = file ?? environment.TIDEMARK_CONFIG ?? defaultFile;
  const text = readText(path, file !== null || environment.TIDEMARK_CONFIG !== undefined);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  for (const { message } of document.errors) faults.push(`${path}: ${message.split('\n')[0]}`);
  if (document.errors.length > 0 || document.contents === null) return [];
  if (!isMap(document.contents)) {
    faults.push(`${path}: holds no settings; allowed are lines such as "db: tidemark.duckdb"`);
    return [];
  }
  return document.contents.items.map(({ key, value }) => {
    const position = isScalar(key) ? lines.linePos(key.range?.[0] ?? 0).line : 1;
    const plain: unknown = value === null ? null : (value as { toJSON(): unknown }).toJSON();
    return { name: String(key), value: plain, place: `${path}:${position}`, isReadable: true };
  });
}

function readText(path: string, wanted: boolean): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (!wanted && hasSystemCode(cause, 'ENOENT')) return '';
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TidemarkError('CONFIG_INVALID', `cannot read the configuration ${path}: ${reason}`, { cause });
  }
}

function fromEnvironment({ environment }: ConfigSources): readonly Given[] {
  return Object.entries(environment)
    .filter(([variable]) => variable.startsWith(prefix) && variable !== 'TIDEMARK_CONFIG')
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([variable, value]) => ({ name: variable.slice(prefix.length).toLowerCase(), value, place: variable }));
}

function fromFlags({ flags }: ConfigSources): readonly Given[] {
  return Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({ name, value, place: flagOf(name), isReadable: true }));
}

function variableOf(name: string): string {
  return `${prefix}${name.toUpperCase()}`;
}
