import { LIST, STRUCT, VARCHAR } from '@duckdb/node-api';
import bindings from '@duckdb/node-bindings';
import type { StoredExtension } from '../../../schemas/events/extensions.ts';
import { ListWriter, writeTexts } from './list-vector.ts';

/** The type of the column `extensions` in `schemas/tables/0002_entity_tables.sql`. */
export const extensionsType = LIST(
  STRUCT({ name: VARCHAR, json: VARCHAR, paths: LIST(VARCHAR), texts: LIST(VARCHAR) }),
);

/** Fills vectors of extensions. DuckDB's own JSON functions are not used, because they respell numbers (ADR 3). */
export class ExtensionWriter {
  readonly #rows = new ListWriter();
  readonly #paths = new ListWriter();
  readonly #names: string[] = [];
  readonly #jsons: string[] = [];
  readonly #pathCounts: number[] = [];
  readonly #allPaths: string[] = [];
  readonly #allTexts: string[] = [];

  start(count: number): void {
    this.#rows.start(count);
    for (const gathered of [this.#names, this.#jsons, this.#pathCounts, this.#allPaths, this.#allTexts])
      gathered.length = 0;
  }

  set(row: number, extensions: readonly StoredExtension[] | null): void {
    this.#rows.set(row, extensions === null ? null : extensions.length);
    if (extensions === null) return;
    for (const { name, json, paths, texts } of extensions) {
      this.#names.push(name);
      this.#jsons.push(json);
      this.#pathCounts.push(paths.length);
      for (const path of paths) this.#allPaths.push(path);
      for (const text of texts) this.#allTexts.push(text);
    }
  }

  flush(vector: bindings.Vector, count: number): void {
    const items = this.#rows.flush(vector, count);
    if (this.#names.length === 0) return;
    const member = (index: number) => bindings.struct_vector_get_child(items, index);
    writeTexts(member(0), this.#names);
    writeTexts(member(1), this.#jsons);
    writeTexts(this.#writeCounts(member(2)), this.#allPaths);
    writeTexts(this.#writeCounts(member(3)), this.#allTexts);
  }

  #writeCounts(vector: bindings.Vector): bindings.Vector {
    this.#paths.start(this.#pathCounts.length);
    for (const [row, length] of this.#pathCounts.entries()) this.#paths.set(row, length);
    return this.#paths.flush(vector, this.#pathCounts.length);
  }
}
