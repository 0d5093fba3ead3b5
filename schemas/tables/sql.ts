import { columnType, entityTables } from '../columns.ts';
import type { Entity } from '../events/events.ts';
import { fillTemplate, readSchemaFile } from '../package-files.ts';

/**
 * Reads a SQL file of the folder `schemas`, such as `exports/select_ids.sql`, and fills in its `{{name}}` values.
 * Each value is SQL made from columns and checked parameters, or is quoted; a user's text never goes in unquoted.
 */
export function readSql(path: string, values: Readonly<Record<string, string | number>> = {}): string {
  return fillTemplate(readTemplate(path), values);
}

const templates = new Map<string, string>();

/** Each file is read once, because batches and exports run its statements again and again. */
function readTemplate(path: string): string {
  const template = templates.get(path) ?? readSchemaFile(path);
  templates.set(path, template);
  return template;
}

const entityStatements = new Map<string, string>();

/**
 * A SQL template of `schemas/tables`, filled in for one entity. Each is read and filled once, because batches run them.
 */
export function entitySql(name: string, entity: Entity): string {
  const key = `${name} ${entity}`;
  const known = entityStatements.get(key);
  if (known !== undefined) return known;
  const sql = readSql(`tables/${name}.sql`, templateValues(entity));
  entityStatements.set(key, sql);
  return sql;
}

/** The values of `ids_tuple` and `same_apart_ids` in templates of exports. */
export function entityIdValues(entity: Entity): Record<string, string> {
  const { ids } = entityTables[entity];
  return {
    ids_tuple: ids.length === 1 ? ids[0]! : `(${ids.join(', ')})`,
    same_apart_ids: ids.map(column => `a.${column} = r.${column}`).join(' AND '),
  };
}

/** The lists of columns that the templates of an entity's tables need. */
function templateValues(entity: Entity): Record<string, string> {
  const { table, ids, values, exported } = entityTables[entity];
  const stored = [...ids, ...values];
  const define = (column: string): string =>
    `  ${column} ${columnType(column)}${ids.includes(column) ? ' NOT NULL' : ''}`;
  const each = (columns: readonly string[], write: (column: string) => string): string => columns.map(write).join(', ');
  return {
    table,
    ids: ids.join(', '),
    ...entityIdValues(entity),
    definitions: stored.map(define).join(',\n'),
    id_definitions: ids.map(define).join(',\n'),
    exported: each(exported, column => (column === 'is_anonymous' ? 'customer_id IS NULL AS is_anonymous' : column)),
    latest_values: each(values, column => `arg_max(${column}, batch) AS ${column}`),
    merged_values: each(values, column => `coalesce(s.${column}, o.${column}) AS ${column}`),
    seen_ids: each(ids, column => `s.${column}`),
    same_ids: ids.map(column => `o.${column} = s.${column}`).join(' AND '),
    row_ids: each(ids, column => `r.${column}`),
  };
}

/** A SQL identifier in double quotes, for names that users chose. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A SQL text in single quotes, for the few statements that take no parameters. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
