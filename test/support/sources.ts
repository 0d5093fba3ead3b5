import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The layers, from the ground up: a folder may import itself and those before it. */
export const layers = ['schemas', 'pipeline', 'connectors', 'ops'] as const;

/** A TypeScript file of the repository; `file` is its path from the root, with `/`. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** Every TypeScript file below a folder. */
export function sourcesOf(folder: string): readonly Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.c?ts$/.test(name))
    .map(name => path.posix.join(folder, name))
    .map(file => ({ file, text: readFileSync(file, 'utf8') }));
}

/** What ships. */
export const product = layers.flatMap(folder => sourcesOf(folder));
/** What ships, and its tests. */
export const all = [...product, ...sourcesOf('test')];

/** The files that a source imports by relative paths, statically or when it runs. */
export function importedFiles(file: string, text: string): readonly string[] {
  return specifiers(text)
    .filter(specifier => specifier.startsWith('.'))
    .map(specifier => path.posix.join(path.posix.dirname(file), specifier))
    .map(target => target.replace(/\.js$/, '.ts'));
}

/** What a source imports, statically or when it runs. */
export function specifiers(text: string): readonly string[] {
  const code = text.replaceAll(/^ *(\/\/|\/?\*).*$/gm, '');
  const found = code.matchAll(
    /(?:^|\n)(?:import|export)\b[^;'"`]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return Array.from(found, ([, from, bare, late]) => from ?? bare ?? late ?? '');
}
