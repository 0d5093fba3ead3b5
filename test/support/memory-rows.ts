import type { Selection } from '../../pipeline/export/selection.ts';
import type { ServiceFragments } from '../../pipeline/ingest/fold.ts';
import { entityTables } from '../../schemas/columns.ts';
import { type Entity, entities } from '../../schemas/events/events.ts';

type Columns = readonly (string | number | undefined)[];

/** A service with its states and tasks, by their ids. Never changed in place, so that a snapshot may keep it. */
export interface MemoryService {
  readonly serviceId: string;
  readonly rows: Readonly<Record<Entity, ReadonlyMap<string, Columns>>>;
}

const { values } = entityTables.service;
const startColumn = values.indexOf('start_timestamp');
const endColumn = values.indexOf('end_timestamp');

/** The rows of a store in memory, merged from fragments as the database merges them; without extensions. */
export class MemoryRows {
  readonly #services = new Map<string, MemoryService>();
  /** The logs that any event of a service came from, those before its deletion too. */
  readonly #logs = new Map<string, Set<string>>();

  get(serviceId: string): MemoryService | undefined {
    return this.#services.get(serviceId);
  }

  merge(fragments: ReadonlyMap<string, ServiceFragments>, log: string): void {
    for (const [serviceId, changes] of fragments) {
      const known = changes.deleted ? undefined : this.#services.get(serviceId);
      const rows = Object.fromEntries(
        entities.map(entity => [entity, mergeRows(known?.rows[entity], changes[entity])]),
      ) as unknown as MemoryService['rows'];
      this.#services.set(serviceId, { serviceId, rows });
      this.#logs.set(serviceId, (this.#logs.get(serviceId) ?? new Set()).add(log));
    }
  }

  /** The services of a window in the order of the files. */
  select(selection: Selection): readonly MemoryService[] {
    const selected = Array.from(this.#services.values()).filter(service => isSelected(service, selection));
    return selected.toSorted(
      (one, other) =>
        (timesOf(one).start ?? Number.POSITIVE_INFINITY) - (timesOf(other).start ?? Number.POSITIVE_INFINITY) ||
        (one.serviceId < other.serviceId ? -1 : 1),
    );
  }

  isSplit({ serviceId }: MemoryService): boolean {
    return this.#logs.get(serviceId)!.size > 1;
  }
}

function mergeRows(known: ReadonlyMap<string, Columns> | undefined, changes: ServiceFragments[Entity]) {
  if (known !== undefined && changes.size === 0) return known;
  const rows = new Map(known);
  for (const [id, { columns }] of changes) {
    const before = rows.get(id);
    // Not `map`, which leaves out the columns that were never set.
    rows.set(id, before === undefined ? columns : Array.from(columns, (value, index) => value ?? before[index]));
  }
  return rows;
}

/** When a service starts and ends; null where it does not. */
export function timesOf({ serviceId, rows }: MemoryService) {
  const row = rows.service.get(serviceId);
  const time = (column: number): number | null => (row?.[column] === undefined ? null : Number(row[column]));
  return { start: time(startColumn), end: time(endColumn) };
}

function isSelected(service: MemoryService, { timeFrom, timeTo, filterEvents, filterState }: Selection): boolean {
  const { start, end } = timesOf(service);
  const holds = (time: number | null): boolean => time !== null && time >= timeFrom && time < timeTo;
  const byTime = (filterEvents !== 'completed' && holds(start)) || (filterEvents !== 'started' && holds(end));
  return byTime && (filterState === 'any' || (filterState === 'inactive') === (end !== null));
}
