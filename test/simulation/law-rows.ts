import type { Requested } from './operations.ts';
import { type SimulatedRecord, timeOf } from './simulated-log.ts';

/** The start and end of a service, in ticks; null where it has none. */
interface LawRow {
  readonly start: number | null;
  readonly end: number | null;
}

interface LawWindow extends Pick<Requested, 'events' | 'state'> {
  readonly from: number;
  readonly to: number;
}

const noRow: LawRow = { start: null, end: null };

/** The services that must be stored, folded without the real fold. */
export class LawRows {
  readonly #rows = new Map<string, LawRow>();

  apply(record: SimulatedRecord): { readonly before: LawRow; readonly after: LawRow } {
    const before = this.#rows.get(record.service) ?? noRow;
    const after = rowAfter(before, record);
    this.#rows.set(record.service, after);
    return { before, after };
  }

  /** The services that an export of this window holds. */
  select(window: LawWindow): readonly string[] {
    const selected = [...this.#rows].filter(
      ([, row]) =>
        LawRows.holds(row, window) && (window.state === 'any' || (window.state === 'inactive') === (row.end !== null)),
    );
    return selected.map(([service]) => service);
  }

  /** Whether the window holds the service, whatever its state. */
  static holds({ start, end }: LawRow, { from, to, events }: LawWindow): boolean {
    const isIn = (time: number | null): boolean => time !== null && time >= from && time < to;
    return (events !== 'completed' && isIn(start)) || (events !== 'started' && isIn(end));
  }
}

function rowAfter(row: LawRow, record: SimulatedRecord): LawRow {
  if (record.event === 'service.deleted') return noRow;
  if (record.event === 'service.started') return { ...row, start: timeOf(record) };
  return record.event === 'service.completed' ? { ...row, end: timeOf(record) } : row;
}
