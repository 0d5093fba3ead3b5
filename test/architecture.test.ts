import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

/** The house, from the bottom up: a folder may import itself and those before it. */
const layers = ['schemas', 'pipeline', 'connectors', 'ops'] as const;
const longestFile = 250;
const longestFunction = 60;

interface Source {
  readonly file: string;
  readonly text: string;
}

const product = layers.flatMap(folder => sourcesOf(folder));
const all = [...product, ...sourcesOf('test')];

function sourcesOf(folder: string): readonly Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.c?ts$/.test(name))
    .map(name => path.posix.join(folder, name))
    .map(file => ({ file, text: readFileSync(file, 'utf8') }));
}

test('there are sources to look at', () => {
  expect(product.length).toBeGreaterThan(50);
  expect(all.length).toBeGreaterThan(product.length);
});

describe('imports', () => {
  test(`point one way: ${layers.toReversed().join(' → ')}`, () => {
    const wrong = product.flatMap(({ file, text }) =>
      importedFiles(file, text)
        .filter(target => layerOf(target) > layerOf(file))
        .map(target => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('lead to files that are there', () => {
    const known = new Set(all.map(({ file }) => file));
    const lost = all.flatMap(({ file, text }) =>
      importedFiles(file, text)
        .filter(target => !known.has(target))
        .map(target => `${file} imports ${target}`),
    );
    expect(lost).toEqual([]);
  });

  test('make no cycle, those of types included', () => {
    const graph = new Map(all.map(({ file, text }) => [file, importedFiles(file, text)]));
    expect(cyclesOf(graph)).toEqual([]);
  });

  test('of packages and of Node stay out of the pipeline', () => {
    const outside = sourcesOf('pipeline').flatMap(({ file, text }) =>
      specifiers(text)
        .filter(specifier => !specifier.startsWith('.'))
        .map(specifier => `${file} imports ${specifier}`),
    );
    expect(outside).toEqual([]);
  });

  test('a cycle would be seen', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b']],
    ]);
    expect(cyclesOf(graph)).toEqual(['b → c → b']);
  });
});

/** Unknown folders come last, so that nothing of the product may import them. */
function layerOf(file: string): number {
  const layer = layers.findIndex(folder => file.startsWith(`${folder}/`));
  return layer < 0 ? layers.length : layer;
}

function importedFiles(file: string, text: string): readonly string[] {
  return specifiers(text)
    .filter(specifier => specifier.startsWith('.'))
    .map(specifier => path.posix.join(path.posix.dirname(file), specifier))
    .map(target => target.replace(/\.js$/, '.ts'));
}

/** What a source imports, statically or when it runs. */
function specifiers(text: string): readonly string[] {
  const code = text.replaceAll(/^ *(\/\/|\/?\*).*$/gm, '');
  const found = code.matchAll(
    /(?:^|\n)(?:import|export)\b[^;'"`]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return Array.from(found, ([, from, bare, late]) => from ?? bare ?? late ?? '');
}

/** Every cycle as the walk first closes it. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start >= 0) cycles.push([...trail.slice(start), file].join(' → '));
    if (start >= 0 || done.has(file)) return;
    for (const target of graph.get(file) ?? []) walk(target, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return cycles;
}

describe('length', () => {
  test(`no file is longer than ${longestFile} lines`, () => {
    const long = all
      .map(({ file, text }) => ({ file, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > longestFile);
    expect(long).toEqual([]);
  });

  test(`no function is longer than ${longestFunction} lines`, () => {
    const long = product.flatMap(({ file, text }) =>
      functionsOf(text)
        .filter(({ lines }) => lines > longestFunction)
        .map(({ line, lines }) => `${file}:${line} has ${lines} lines`),
    );
    expect(long).toEqual([]);
  });

  test('functions of every shape are measured', () => {
    const text = `
async function one(
  a: string,
): Promise<{ b: string }> {
  if (a) {
    return;
  }
}
class Two {
  *three(): Generator<string> {
    yield 'x';
  }
  constructor() {}
}
const four = async () => {
  await each(x => {
    x();
  });
};
export const five = { six(seven: () => void) {
  seven();
} };
`;
    expect(functionsOf(text).map(({ lines }) => lines)).toEqual([7, 3, 5, 3, 3]);
  });
});

interface Measured {
  readonly line: number;
  readonly lines: number;
}

/**
 * Functions with a body of several lines. Sources are formatted, so a line that ends in `{` is closed by the next line
 * of its own indentation that begins with a closing bracket; a head of several lines begins at the indentation it ends with.
 */
function functionsOf(text: string): readonly Measured[] {
  const lines = text.split('\n');
  const found: Measured[] = [];
  for (const [end, line] of lines.entries()) {
    if (!opensFunction(line)) continue;
    const close = lines.findIndex(
      (other, at) => at > end && indentOf(other) === indentOf(line) && /^\s*[})]/.test(other),
    );
    if (close < 0) throw new Error(`line ${end + 1} is closed nowhere: ${line}`);
    let start = end;
    if (/^\s*\)/.test(line))
      do start -= 1;
      while (indentOf(lines[start]!) !== indentOf(line));
    found.push({ line: start + 1, lines: close - start + 1 });
  }
  return found;
}

function opensFunction(line: string): boolean {
  if (/=> \{$/.test(line)) return true;
  if (!/\) \{$|\): .*\{$/.test(line)) return false;
  return !/^\s*(?:\} )?(?:if|else|for|while|switch|catch|do)\b/.test(line) && !/^\s*(?:\/\/|\* )/.test(line);
}

function indentOf(line: string): number {
  return line.trim() === '' ? -1 : line.search(/\S/);
}

describe('care', () => {
  test('only ops reads the clock; all others are given the time', () => {
    const readers = product
      .filter(({ file, text }) => !file.startsWith('ops/') && /\bDate\.now\b|\bnew Date\(\)/.test(text))
      .map(({ file }) => file);
    expect(readers).toEqual([]);
  });

  test('nothing is any, and no check is switched off', () => {
    const loose = all.flatMap(({ file, text }) =>
      text
        .split('\n')
        .filter(line => !/^\s*(\/\/|\/?\*)/.test(line))
        .filter(line =>
          /\bas any\b|: any\b(?!,)|<any[,>]|\bany\[\]|@ts-(ignore|nocheck|expect-error)|biome-ignore/.test(line),
        )
        .filter(line => !/['"`/].*\bany\b.*['"`/]/.test(line))
        .map(line => `${file}: ${line.trim()}`),
    );
    expect(loose).toEqual([]);
  });
});
