import { entityTables } from '../../../schemas/columns.ts';
import type { Entity } from '../../../schemas/events/events.ts';
import { entityPlaces, fillSql, readSql } from '../../../schemas/sql.ts';

const filled = new Map<string, string>();

/** A template of `schemas/tables` filled for an entity; each is read and filled once. */
export function filledSql(name: string, entity: Entity): string {
  const key = `${name} ${entity}`;
  const known = filled.get(key);
  if (known !== undefined) return known;
  const sql = fillSql(readSql(`tables/${name}.sql`), entityPlaces(entityTables[entity]));
  filled.set(key, sql);
  return sql;
}
