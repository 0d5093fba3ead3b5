import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { all, product } from '../support/sources.ts';

describe('exports', () => {
  test('of the product are all imported by another file', () => {
    const used = new Set(all.flatMap(({ file, text }) => importedNames(file, text)));
    const dead = product
      .flatMap(({ file, text }) => exportedNames(text).map(name => `${file} ${name}`))
      .filter(name => !used.has(name));
    expect(dead).toEqual([]);
  });

  test('are found in every form', () => {
    const text = `
export function one() {}
export async function* two() {}
export const three = 1, other = 2;
export abstract class Four {}
export interface Five {}
export type Six = 1;
export { seven, eight as nine };
`;
    expect(exportedNames(text)).toEqual(['one', 'two', 'three', 'Four', 'Five', 'Six', 'seven', 'nine']);
    const importing = `import { one, type Five as Other } from './a.ts';\nimport * as all from './b.ts';`;
    expect(importedNames('x/c.ts', importing)).toEqual(['x/a.ts one', 'x/a.ts Five']);
    // In two pieces, so that nobody takes it for an import of this file.
    const late = `const later = () => ${'import'}('./a.ts').then(({ one }) => one());`;
    expect(importedNames('x/c.ts', late)).toEqual(['x/a.ts one']);
  });
});

function exportedNames(text: string): readonly string[] {
  const declared = /^export (?:async |abstract |declare )*(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm;
  const listed = Array.from(text.matchAll(/^export \{([^}]*)\}/gm), ([, list]) => list!.split(','));
  return [
    ...Array.from(text.matchAll(declared), ([, name]) => name!),
    ...listed.flat().map(item => item.trim().replace(/^.* as /, '')),
  ].filter(name => name !== '');
}

/** What a source imports, also when it runs, or re-exports by name, as "file name". */
function importedNames(file: string, text: string): readonly string[] {
  const early = text.matchAll(/^(?:import|export)\b[^;'"`{]*\{(?<list>[^}]*)\} from '(?<from>\.[^']+)'/gm);
  const late = text.matchAll(/\bimport\('(?<from>\.[^']+)'\)\.then\(\s*\(\{(?<list>[^}]*)\}\)/g);
  return [...early, ...late].flatMap(({ groups }) => {
    const { list, from } = groups as { readonly list: string; readonly from: string };
    const target = path.posix.join(path.posix.dirname(file), from);
    const names = list.split(',').map(item =>
      item
        .trim()
        .replace(/^type /, '')
        .replace(/ as .*$/, ''),
    );
    return names.filter(name => name !== '').map(name => `${target} ${name}`);
  });
}
