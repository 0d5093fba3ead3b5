import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readConfig } from '../../../ops/settings/config.ts';
import { isSecret, settingNames, settings } from '../../../ops/settings/settings.ts';
import { tidemarkDoneHere, tidemarkHere } from '../../support/in-process.ts';
import { type OpenName, others } from '../../support/other-settings.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function fileOf(name: string, content: string): Promise<string> {
  const file = path.join(folder.path, name);
  await writeFile(file, content);
  return file;
}

const openNames = Object.keys(others) as readonly OpenName[];
const secretNames = settingNames.filter(isSecret);

const asText = (value: unknown) =>
  typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value);

describe.each(openNames)('%s', name => {
  const [inFile, inVariable, inFlag] = others[name];
  const variable = `TIDEMARK_${name.toUpperCase()}`;

  test('has its default', () => {
    const { config, places } = readConfig({ file: null, environment: {}, flags: {} });
    expect([config[name], places[name]]).toEqual([settings[name].default, 'default']);
  });

  test('is read from file, variable or flag, of which the later wins, and its place is reported', async () => {
    const file = await fileOf(`${name}.yaml`, `# a comment\n${stringify({ [name]: inFile })}`);
    const environment = { [variable]: asText(inVariable) };
    const flags = { [name]: asText(inFlag) };
    const read = (sources: Partial<Parameters<typeof readConfig>[0]>) => {
      const { config, places } = readConfig({ file: null, environment: {}, flags: {}, ...sources });
      return [config[name], places[name]];
    };
    expect(read({ file })).toEqual([inFile, `${file}:2`]);
    expect(read({ file, environment })).toEqual([inVariable, variable]);
    expect(read({ file, environment, flags })).toEqual([inFlag, `--${name.replaceAll('_', '-')}`]);
    expect(read({ environment: { TIDEMARK_CONFIG: file } })).toEqual([inFile, `${file}:2`]);
  });
});

test('every setting is tested above or below', () => {
  const tested = [...openNames, ...secretNames, ...secretNames.map(name => `${name}_file`)];
  expect(tested.toSorted()).toEqual(settingNames.toSorted());
});

describe.each(secretNames)('the secret %s', name => {
  const variable = `TIDEMARK_${name.toUpperCase()}`;
  const given = 'hunter2';
  const faultOf = (sources: Partial<Parameters<typeof readConfig>[0]>): string => {
    try {
      readConfig({ file: null, environment: {}, flags: {}, ...sources });
    } catch (error) {
      return String(error);
    }
    return 'none';
  };

  test('comes from its variable', () => {
    const { config, places } = readConfig({ file: null, environment: { [variable]: given }, flags: {} });
    expect([config[name]?.reveal(), places[name]]).toEqual([given, variable]);
  });

  test('comes from its file, without the line end', async () => {
    const secretFile = await fileOf(`${name}.secret`, `${given}\n`);
    const { config, places } = readConfig({ file: null, environment: { [`${variable}_FILE`]: secretFile }, flags: {} });
    expect([config[name]?.reveal(), places[name]]).toEqual([given, `${variable}_FILE, ${secretFile}`]);
  });

  test('is null by default and when its variable is empty', () => {
    expect(readConfig({ file: null, environment: { [variable]: '' }, flags: {} }).config[name]).toBeNull();
    expect(readConfig({ file: null, environment: {}, flags: {} }).config[name]).toBeNull();
  });

  test('is refused in a YAML file and a flag, and the error does not show it', async () => {
    for (const sources of [{ file: await fileOf('open.yaml', `${name}: ${given}\n`) }, { flags: { [name]: given } }]) {
      const fault = faultOf(sources);
      expect(fault).toContain(`${name} is a secret; allowed are the variable ${variable} and the setting ${name}_file`);
      expect(fault).not.toContain(given);
    }
  });

  test('is refused when it is given twice, and when its file is missing or empty', async () => {
    const empty = await fileOf('empty.secret', '\n');
    expect(faultOf({ environment: { [variable]: given, [`${variable}_FILE`]: empty } })).toMatch(
      new RegExp(`^(?!.*${given}).* but ${variable} gives ${name} too; allowed is one`),
    );
    expect(faultOf({ environment: { [`${variable}_FILE`]: '/nowhere' } })).toMatch(
      /"\/nowhere"; it cannot be read: ENOENT/,
    );
    expect(faultOf({ environment: { [`${variable}_FILE`]: empty } })).toContain('allowed is a file that is not empty');
  });

  test('is shown as *** by config check and when it is printed', async () => {
    const env = { [variable]: given };
    for (const args of [
      ['config', 'check'],
      ['config', 'check', '--json'],
    ]) {
      const shown = await tidemarkDoneHere(args, { cwd: folder.path, env });
      expect(shown).toContain('***');
      expect(shown).not.toContain(given);
    }
    const { config } = readConfig({ file: null, environment: env, flags: {} });
    expect([String(config[name]), JSON.stringify(config), inspect(config, { depth: 9 })].join()).not.toContain(given);
  });
});

test('every setting that is no secret is a flag of some command, whose help shows its default', async () => {
  const helps = await Promise.all(
    ['ingest', 'export', 'status', 'run', 'schemas register'].map(command => tidemarkDoneHere([command, '--help'])),
  );
  const text = helps.join('\n').replaceAll(/\s+/g, ' ');
  for (const name of settingNames.filter(name => !isSecret(name))) {
    expect(text).toContain(`--${name.replaceAll('_', '-')} <${name}>`);
    expect(text).toContain(`(default: ${JSON.stringify(settings[name].default)})`);
  }
});

test('config check shows the value and place of every setting, from all three sources', async () => {
  const cwd = path.join(folder.path, 'check');
  await mkdir(cwd);
  await writeFile(path.join(cwd, 'tidemark.yaml'), 'threads: 3\nbatch_records: 500\n');
  const env = { TIDEMARK_BATCH_RECORDS: '600' };
  const rows: { name: string }[] = JSON.parse(await tidemarkDoneHere(['config', 'check', '--json'], { cwd, env }));
  expect(rows.map(({ name }) => name)).toEqual(settingNames);
  expect(rows).toContainEqual({ name: 'threads', value: 3, place: 'tidemark.yaml:1' });
  expect(rows).toContainEqual({ name: 'batch_records', value: 600, place: 'TIDEMARK_BATCH_RECORDS' });
  expect(await tidemarkDoneHere(['config', 'check'], { cwd, env })).toMatch(
    /^batch_records +600 +TIDEMARK_BATCH_RECORDS$/m,
  );
});

test('all faults are reported at once, with place, value and allowed values; an unknown name with the nearest setting', async () => {
  const cwd = path.join(folder.path, 'faults');
  await mkdir(cwd);
  await writeFile(path.join(cwd, 'tidemark.yaml'), 'threads: many\ntreads: 4\n');
  const env = { TIDEMARK_MEMORY_LIMIT: '256', TIDEMARK_EXPORTROOT: 'out' };
  const { code, stderr } = await tidemarkHere(['ingest', 'x.ndjson', '--batch-records', '0'], { cwd, env });
  expect(code).toBe(78);
  expect(stderr.split('\n')).toEqual([
    'tidemark: tidemark.yaml:1: threads is "many"; allowed is a whole number from 1 to 256',
    'tidemark.yaml:2: treads is not a setting; did you mean threads?',
    'TIDEMARK_EXPORTROOT: exportroot is not a setting; did you mean export_root?',
    'TIDEMARK_MEMORY_LIMIT: memory_limit is "256"; allowed is a size such as 256MB or 2GB',
    '--batch-records: batch_records is "0"; allowed is a whole number from 1 to 1000000 [CONFIG_INVALID]',
    '',
  ]);
});

test.each([
  ['a missing file', null, /cannot read the configuration .*missing\.yaml/],
  ['a list instead of a map', '- db\n', /holds no settings; allowed are lines such as "db:/],
  ['a text that is not YAML', 'db: [unclosed\n', /\.yaml: .*/],
  ['a setting twice', 'db: a\ndb: b\n', /keys must be unique/i],
  ['a setting without value', 'db:\n', /:1: db is null; allowed is a non-empty text/],
  ['an empty text', 'db: ""\n', /:1: db is ""; allowed is a non-empty text/],
  ['a fraction', 'threads: 1.5\n', /:1: threads is 1\.5; allowed is a whole number/],
  ['a number beyond the range', 'skew_ms: 86400001\n', /:1: skew_ms is 86400001; .*0 to 86400000/],
  ['a choice in upper case', 'key_format: JSON\n', /:1: key_format is "JSON"; allowed is string, json/],
  [
    'a password in an address',
    'kafka_oauth_token_url: https://me:hunter2@a/\n',
    /"https:\/\/\*\*\*@a\/"; allowed is an address/,
  ],
  [
    'a text that is no address',
    'kafka_oauth_token_url: idp/token\n',
    /:1: kafka_oauth_token_url is "idp\/token"; allowed is an address/,
  ],
  [
    'a prefix mapped out of the root',
    'prefix_map: {"C:/": "../x"}\n',
    /:1: prefix_map entry "C:\/": "..\/x" is not allowed/,
  ],
  [
    'a prefix mapped twice',
    'prefix_map: {"C:/x": a, "c:\\\\x": b}\n',
    /prefix_map entry "c:\\\\x": "b" is the entry "C:\/x" again/,
  ],
  ['a map of numbers', 'prefix_map: {"C:/": 1}\n', /:1: prefix_map is .*; allowed is a map of foreign prefixes/],
])('refused: %s', async (name, content, told) => {
  const file = content === null ? path.join(folder.path, 'missing.yaml') : await fileOf(`${name}.yaml`, content);
  const reading = () => readConfig({ file, environment: {}, flags: {} });
  expect(reading).toThrowError(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(told) }),
  );
});

test('an empty file gives the defaults, and the configuration is frozen', async () => {
  const { config } = readConfig({ file: await fileOf('empty.yaml', '# nothing\n'), environment: {}, flags: {} });
  expect(config).toEqual(Object.fromEntries(settingNames.map(name => [name, settings[name].default])));
  expect(Object.isFrozen(config)).toBe(true);
});
