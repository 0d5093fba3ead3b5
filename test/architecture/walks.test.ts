import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { importedFiles, product } from '../support/sources.ts';

const mostFiles = 30;
const page = readFileSync('docs/architecture.md', 'utf8');
const texts = new Map(product.map(({ file, text }) => [file, text]));

/** The files of a walk: the lines of its diagram that begin with a path. */
function filesOf(heading: string): readonly string[] {
  const section = page.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return Array.from(section.matchAll(/^ ((?:schemas|pipeline|connectors|ops)\/\S+\.ts)/gm), ([, file]) => file!);
}

/** True when the file imports one of the others, or one of them imports it. */
function isConnected(file: string, others: readonly string[]): boolean {
  const imports = (from: string): readonly string[] => importedFiles(from, texts.get(from)!);
  return others.some(other => imports(file).includes(other) || imports(other).includes(file));
}

describe.each(['The walk of a record', 'The walk of a request', 'The walk of a replay'])('%s', heading => {
  const files = filesOf(heading);

  test(`names between 10 and ${mostFiles} files, each once`, () => {
    expect(files.length).toBeGreaterThanOrEqual(10);
    expect(files.length).toBeLessThanOrEqual(mostFiles);
    expect(new Set(files).size).toBe(files.length);
  });

  test('names files that exist', () => {
    expect(files.filter(file => !texts.has(file))).toEqual([]);
  });

  test('names files that import each other', () => {
    const alone = files.filter(file => {
      const others = files.filter(other => other !== file);
      return !isConnected(file, others);
    });
    expect(alone).toEqual([]);
  });
});

test('every path in the documents leads to a file', () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'docs/contract.md', 'ops/runbook.md'];
  const named = documents.flatMap(document =>
    Array.from(
      readFileSync(document, 'utf8').matchAll(/(?<![\w/<-])(?:schemas|pipeline|connectors|ops)\/[\w./-]+\.ts\b/g),
      ([path]) => `${document}: ${path}`,
    ),
  );
  expect(named.filter(line => !texts.has(line.split(': ')[1]!))).toEqual([]);
});
