import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { columnType, type EntityTable } from './columns.ts';

/** Reads a SQL text of `schemas/`; the same file serves the sources and the compiled package. */
export function readSql(file: string): string {
  return readFileSync(join(packageRoot(), 'schemas', file), 'utf8');
}

/** Fills `{{name}}` places; an unknown name is a bug. Values are made by us or quoted: never raw user text. */
export function fillSql(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for {{${name}}}`);
    return String(value);
  });
}

/** The lists of columns that the templates of an entity's tables need. */
export function entityPlaces(described: EntityTable): Record<string, string> {
  const { table, ids, values } = described;
  const stored = [...ids, ...values];
  const each = (columns: readonly string[], write: (column: string) => string): string => columns.map(write).join(', ');
  return {
    table,
    ids: ids.join(', '),
    ids_tuple: ids.length === 1 ? ids[0]! : `(${ids.join(', ')})`,
    definitions: stored
      .map(column => `  ${column} ${columnType(column)}${ids.includes(column) ? ' NOT NULL' : ''}`)
      .join(',\n'),
    exported: each(described.exported, column =>
      column === 'is_anonymous' ? 'customer_id IS NULL AS is_anonymous' : column,
    ),
    latest_values: each(values, column => `arg_max(${column}, batch) AS ${column}`),
    merged_values: each(values, column => `coalesce(s.${column}, o.${column}) AS ${column}`),
    seen_ids: each(ids, column => `s.${column}`),
    same_ids: ids.map(column => `o.${column} = s.${column}`).join(' AND '),
  };
}

/** `"…"`, for names that were not chosen by us. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'…'`, for the few places where SQL takes no parameter. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The folder of package.json, from the sources as from the compiled output. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
