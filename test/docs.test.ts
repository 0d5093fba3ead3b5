import { execFile } from 'node:child_process';
import { access, chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../ops/settings/config.ts';
import type { Setting } from '../ops/settings/kinds.ts';
import { settingNames, settings } from '../ops/settings/settings.ts';
import { readPackage } from '../ops/software.ts';
import { failureCodes, TidemarkError } from '../pipeline/errors.ts';
import {
  describeAllowed,
  describeDefault,
  parameterNames,
  parameterTable,
} from '../pipeline/export/parameter-table.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const read = (file: string): Promise<string> => readFile(file, 'utf8');

/** The rows of the tables in a text without their heads, the padding of their cells taken away. */
function tableRows(markdown: string): readonly string[] {
  const lines = markdown.split('\n').map(line => line.replaceAll(/ +/g, ' '));
  return lines.filter((line, at) => /^\| [^-]/.test(line) && !/^\| ?-/.test(lines[at + 1] ?? ''));
}

/** What a reader is told of a setting. */
const told = settingNames.map(name => {
  const { kind, unit, default: value, help }: Setting<unknown> = settings[name];
  return { name, allowed: kind.allowed, unit: unit ?? '', value, help };
});

describe('the runbook', () => {
  test('has one section for each failure code, and no other', async () => {
    const sections = (await read('ops/runbook.md')).matchAll(/^### (.+)$/gm);
    expect(Array.from(sections, ([, code]) => code)).toEqual(failureCodes);
  });

  test('tells of each code the exit code, the cause, the cure, and what of the data', async () => {
    const [, ...sections] = (await read('ops/runbook.md')).split(/^### /m);
    for (const section of sections) {
      const code = failureCodes.find(known => section.startsWith(`${known}\n`))!;
      expect(section).toContain(`- **Seen:** exit ${new TidemarkError(code, '').exitCode}`);
      expect(Array.from(section.matchAll(/^- \*\*(\w+):/gm), ([, part]) => part)).toEqual([
        'Seen',
        'Cause',
        'Cure',
        'Data',
      ]);
    }
  });
});

describe('settings', () => {
  test('are all in the table of the README, with default, unit and help', async () => {
    const section = (await read('README.md')).split('## Configuration')[1]!.split('\n## ')[0]!;
    const rows = told.map(({ name, unit, value, help }) => {
      const written = value === null ? 'none' : `\`${typeof value === 'object' ? JSON.stringify(value) : value}\``;
      return `| \`${name}\` | ${written} |${unit === '' ? '' : ` ${unit}`} | ${help} |`;
    });
    expect(tableRows(section)).toEqual(rows);
  });

  test('are all in tidemark.example.yaml, with help and what is allowed', async () => {
    const [, ...parts] = (await read('tidemark.example.yaml')).trimEnd().split('\n\n');
    expect(parts).toHaveLength(told.length);
    for (const [index, { name, allowed, unit, value, help }] of told.entries()) {
      const [first, second, third, ...rest] = parts[index]!.split('\n');
      expect(rest).toEqual([]);
      expect(first).toBe(`# ${help}`);
      expect(second).toBe(`# Allowed: ${allowed}${unit === '' ? '' : `; unit: ${unit}`}.`);
      expect(parse(third!)).toEqual({ [name]: value });
    }
  });

  test('of tidemark.example.yaml are the defaults', () => {
    const { config } = readConfig({ file: 'tidemark.example.yaml', environment: {}, flags: {} });
    expect(config).toEqual(Object.fromEntries(settingNames.map(name => [name, settings[name].default])));
  });
});

test('the parameters of an export are all in the table of the README, with what is allowed, default and help', async () => {
  const section = (await read('README.md')).split('## Parameters of an export')[1]!.split('\n## ')[0]!;
  const rows = parameterNames.map(name => {
    const ifAbsent = describeDefault(name) ?? 'required';
    return `| \`${name}\` | ${describeAllowed(name).replaceAll('|', '\\|')} | ${ifAbsent} | ${parameterTable[name].help} |`;
  });
  expect(tableRows(section)).toEqual(rows);
});

test('each runtime dependency has its line, and no other package has', async () => {
  const { dependencies } = JSON.parse(await read('package.json')) as { dependencies: Record<string, string> };
  const runtime = (await read('ops/adr/dependencies.md')).split('## Development')[0]!;
  const lines = tableRows(runtime).map(row => /^\| `(.+?)` \| .+ \| .+ \|$/.exec(row)?.[1]);
  expect(lines.toSorted()).toEqual(Object.keys(dependencies).toSorted());
});

test('decision records are numbered without a gap and all have their parts', async () => {
  const records = (await readdir('ops/adr')).filter(name => /^\d/.test(name)).toSorted();
  expect(records.map(name => Number(name.slice(0, 4)))).toEqual(records.map((_, index) => index + 1));
  for (const name of records) {
    const heads = Array.from((await read(`ops/adr/${name}`)).matchAll(/^## (.+)$/gm), ([, head]) => head);
    expect(heads, name).toEqual(['Context', 'Figures', 'Decision', 'Cost']);
  }
});

describe('the README', () => {
  test('is that of this software', async () => {
    expect(await read('README.md')).toMatch(new RegExp(`^# ${readPackage().name}\n`, 'i'));
  });

  test('names each exit code, and no other', async () => {
    const table = (await read('README.md')).split('## Exit codes')[1]!.split('\n## ')[0]!;
    const named = tableRows(table).map(row => Number(/^\| (\d+) \|/.exec(row)?.[1]));
    const codes = new Set([0, 70, ...failureCodes.map(code => new TidemarkError(code, '').exitCode)]);
    expect(named).toEqual([...codes].toSorted((a, b) => a - b));
  });

  test('every link leads to a file', async () => {
    const links = Array.from((await read('README.md')).matchAll(/\]\(([^)#:]+)\)/g), ([, target]) => target!);
    for (const target of links) await expect(access(target), target).resolves.toBeUndefined();
  });

  test('every tidemark command line works, in order, in a fresh folder', async () => {
    const folder = await temporaryFolder();
    try {
      const lines = commandLines(await read('README.md'));
      expect(lines.length).toBeGreaterThan(8);
      const environment = await freshClone(folder.path);
      for (const line of lines) {
        const run = promisify(execFile)('bash', ['-euo', 'pipefail', '-c', line], {
          cwd: folder.path,
          env: environment,
        });
        await expect(run, line).resolves.toBeDefined();
      }
    } finally {
      await folder.remove();
    }
  });
});

/** The lines of shell blocks that run our command. */
function commandLines(markdown: string): readonly string[] {
  const blocks = Array.from(markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, block]) => block!);
  return blocks.flatMap(block => block.split('\n')).filter(line => line.includes('npx tidemark '));
}

/** What a clone has: the examples, and `npx`, which here needs no network. Gives the environment to run in. */
async function freshClone(folder: string): Promise<NodeJS.ProcessEnv> {
  const bin = path.join(folder, '.bin');
  await mkdir(bin);
  await symlink(path.resolve('examples'), path.join(folder, 'examples'));
  await writeFile(path.join(bin, 'npx'), `#!/bin/sh\nshift\nexec '${path.resolve('dist/ops/tidemark.cjs')}' "$@"\n`);
  await chmod(path.join(bin, 'npx'), 0o755);
  const plain = Object.entries(process.env).filter(([name]) => !name.startsWith('TIDEMARK_'));
  return { ...Object.fromEntries(plain), PATH: `${bin}:${process.env.PATH}` };
}
