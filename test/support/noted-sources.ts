import { noSources, positionsOf, type Sources } from '../../pipeline/completeness/sources.ts';
import type { SourcesChange, Warehouse } from '../../pipeline/ingest/warehouse.ts';
import type { StoredPosition } from '../../pipeline/ports.ts';

/** The sources of a store without rows. What was noted is in `recorded` from the next `record` on. */
export class NotedSources implements Pick<Warehouse, 'positions' | 'sources' | 'note' | 'record'> {
  recorded: Sources;
  /** How many times something was recorded. */
  records = 0;
  #sources: Sources;

  constructor(sources: Sources = noSources) {
    this.recorded = sources;
    this.#sources = sources;
  }

  positions(): readonly StoredPosition[] {
    return positionsOf(this.#sources);
  }

  sources(): Sources {
    return this.#sources;
  }

  note(change: SourcesChange): void {
    this.#sources = change(this.#sources);
  }

  async record(change: SourcesChange): Promise<void> {
    this.note(change);
    this.recorded = this.#sources;
    this.records += 1;
  }
}
