import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json; the same folder for the sources and for the compiled output. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** Reads a text file of the folder `schemas`, such as `tables/0001_store.sql`. */
export function readSchemaFile(path: string): string {
  return readFileSync(join(packageRoot(), 'schemas', path), 'utf8');
}

/**
 * Replaces each `{{name}}` by its value, as it is: the caller quotes what needs quotes. Throws on a name without a
 * value.
 */
export function fillTemplate(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for {{${name}}}`);
    return String(value);
  });
}
