import { TidemarkError } from '../../pipeline/errors.ts';
import {
  type ControlPosition,
  type ExportRecord,
  isEnded,
  type RequestChange,
  type RequestStore,
} from '../../pipeline/export/request.ts';
import type { QuarantinedRecord } from '../../pipeline/ingest/warehouse.ts';
import { isSamePartition, partitionName } from '../../pipeline/partition.ts';
import type { StoredPosition } from '../../pipeline/ports.ts';
import type { ControlStore } from '../../pipeline/requests/control.ts';
import { refusalOf, type Status, statusOf } from '../../pipeline/requests/statuses.ts';

/** Keeps requests as the database does, without one, and all that it was ever told of them. */
export class MemoryRequestStore implements RequestStore {
  readonly records = new Map<string, ExportRecord>();
  readonly statuses: Status[] = [];
  /** Each move of the control topic, in order. */
  readonly moves: ControlPosition[] = [];
  readonly setAside: QuarantinedRecord[] = [];

  /** What the reader of the control topic needs. */
  readonly control: ControlStore = {
    positions: async () => this.#positions(),
    pass: async control => this.#move(control),
    refuse: async (requestId, error, control) => {
      this.#move(control);
      this.statuses.push(refusalOf(requestId, error, { now: 0, roots: [] }));
    },
    quarantine: async (entry, control) => {
      this.#move(control);
      this.setAside.push(entry);
    },
  };

  async insert(record: ExportRecord, control?: ControlPosition): Promise<void> {
    if (this.records.has(record.requestId)) throw new Error(`request ${record.requestId} is there already`);
    if (control !== undefined) this.#move(control);
    this.records.set(record.requestId, record);
    if (record.state !== 'accepted') this.#say({ ...record, state: 'accepted' });
    this.#say(record);
  }

  async update(requestId: string, change: RequestChange): Promise<ExportRecord | null> {
    const record = this.records.get(requestId);
    if (record === undefined || isEnded(record.state)) return null;
    const goesOn = change.state === 'running' || change.state === 'publishing';
    if (goesOn && record.cancelledBy !== null) return null;
    const ended = change.state !== undefined && isEnded(change.state);
    const changed = { ...record, ...change, endedAt: ended ? record.acceptedAt : null };
    this.records.set(requestId, changed);
    this.#say(changed);
    return changed;
  }

  async cancel(requestId: string, by: string, control?: ControlPosition): Promise<boolean> {
    const record = this.records.get(requestId);
    if (record === undefined || isEnded(record.state) || record.state === 'publishing') return false;
    if (control !== undefined) this.#move(control);
    this.records.set(requestId, { ...record, cancelledBy: by });
    return true;
  }

  async repeat(_requestId: string, control: ControlPosition): Promise<void> {
    this.#move(control);
  }

  async find(requestId: string): Promise<ExportRecord | null> {
    return this.records.get(requestId) ?? null;
  }

  async unfinished(): Promise<readonly ExportRecord[]> {
    const records = [...this.records.values()].filter(({ state }) => !isEnded(state));
    return records.toSorted((one, other) => one.acceptedAt - other.acceptedAt);
  }

  async list(limit: number): Promise<readonly ExportRecord[]> {
    const newestFirst = [...this.records.values()].toSorted((one, other) => other.acceptedAt - one.acceptedAt);
    return newestFirst.slice(0, limit);
  }

  async forgetEndedBefore(moment: number): Promise<void> {
    for (const [id, { endedAt }] of this.records) if (endedAt !== null && endedAt < moment) this.records.delete(id);
  }

  #positions(): readonly StoredPosition[] {
    const last = new Map(this.moves.map(move => [partitionName(move.partition), move]));
    return [...last.values()].map(({ partition, origin, next }) => ({ partition, origin, ...next, watermark: null }));
  }

  #move(control: ControlPosition): void {
    const stored = this.#positions().find(({ partition }) => isSamePartition(partition, control.partition));
    if (stored !== undefined && stored.nextOffset !== (control.lost?.from ?? control.from))
      throw new TidemarkError('STALE_BATCH', `the stored offset is ${stored.nextOffset}, not ${control.from}`);
    this.moves.push(control);
  }

  #say(record: ExportRecord): void {
    const said = this.statuses.filter(({ request_id: id, sequence }) => id === record.requestId && sequence > 0);
    this.statuses.push(statusOf(record, { sequence: said.length + 1, now: 0, roots: [] }));
  }
}
