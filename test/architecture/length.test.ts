import { describe, expect, test } from 'vitest';
import { all, importedFiles, product } from '../support/sources.ts';

const longestFile = 250;
const longestFunction = 60;
const crumb = 25;

describe('length', () => {
  test(`no file is longer than ${longestFile} lines`, () => {
    const long = all
      .map(({ file, text }) => ({ file, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > longestFile);
    expect(long).toEqual([]);
  });

  test(`no file under ${crumb} lines has one user, which could hold it`, () => {
    const users = (file: string) => product.filter(({ file: user, text }) => importedFiles(user, text).includes(file));
    const crumbs = product
      .filter(({ file, text }) => file.endsWith('.ts') && text.trimEnd().split('\n').length < crumb)
      .map(({ file }) => ({ file, users: users(file).map(user => user.file) }))
      .filter(({ users }) => users.length === 1);
    expect(crumbs).toEqual([]);
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
