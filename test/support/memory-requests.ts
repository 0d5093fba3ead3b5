import type { Contradiction } from '../../pipeline/completeness/contradictions.ts';
import { TidemarkError } from '../../pipeline/errors.ts';
import {
  type ChangedSince,
  type ControlPosition,
  type ExportRecord,
  isEnded,
  type ListFilter,
  type RequestChange,
  type RequestStore,
} from '../../pipeline/export/request.ts';
import type { QuarantinedRecord } from '../../pipeline/ingest/warehouse.ts';
import { isSamePartition, partitionName } from '../../pipeline/partition.ts';
import type { PartitionId, StoredPosition } from '../../pipeline/ports.ts';
import type { ControlStore } from '../../pipeline/requests/control.ts';
import { refusalOf, type Status, statusOf } from '../../pipeline/requests/statuses.ts';

/** A batch that contradicts an export, as the warehouse records it. */
export interface MemoryContradiction extends Contradiction, PartitionId {
  /** The number of the batch. */
  readonly batch: number;
  /** When it was stored, in milliseconds since 1970 UTC. */
  readonly at: number;
}

type ListPlace = Pick<ExportRecord, 'acceptedAt' | 'requestId'>;

/** Keeps requests as the database does, without one, and all that it was ever told of them. */
export class MemoryRequestStore implements RequestStore {
  readonly records = new Map<string, ExportRecord>();
  readonly statuses: Status[] = [];
  /** Each move of the control topic, in order. */
  readonly moves: ControlPosition[] = [];
  readonly setAside: QuarantinedRecord[] = [];
  readonly #contradictions: readonly MemoryContradiction[];
  readonly #reported = new Set<string>();

  /** `contradictions` are those that the warehouse of the same store records, in the order of their batches. */
  constructor(contradictions: readonly MemoryContradiction[] = []) {
    this.#contradictions = contradictions;
  }

  /** What the reader of the control topic needs. */
  readonly control: ControlStore = {
    positions: async () => this.#positions(),
    pass: async control => this.#move(control),
    refuse: async (refused, error, control) => {
      this.#move(control);
      this.statuses.push(refusalOf(refused, error, { now: 0, roots: [], service: 's' }));
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
    const seen = this.#withChanges(changed);
    if (seen.changedSince !== null) this.#reported.add(requestId);
    this.#say(seen);
    return seen;
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
    const record = this.records.get(requestId);
    return record === undefined ? null : this.#withChanges(record);
  }

  async unfinished(): Promise<readonly ExportRecord[]> {
    const records = [...this.records.values()].filter(({ state }) => !isEnded(state));
    return records.toSorted((one, other) => one.acceptedAt - other.acceptedAt);
  }

  async list(limit: number, filter?: ListFilter): Promise<readonly ExportRecord[]> {
    const { after = null, states = null, door = null, acceptedFrom = null, acceptedTo = null } = filter ?? {};
    const order = (one: ListPlace, other: ListPlace): number =>
      other.acceptedAt - one.acceptedAt || Buffer.compare(Buffer.from(one.requestId), Buffer.from(other.requestId));
    const listed = [...this.records.values()].filter(
      record =>
        (after === null || order(after, record) < 0) &&
        (states === null || states.includes(record.state)) &&
        (door === null || record.asker.door === door) &&
        (acceptedFrom === null || record.acceptedAt >= acceptedFrom) &&
        (acceptedTo === null || record.acceptedAt < acceptedTo),
    );
    return listed
      .toSorted(order)
      .slice(0, limit)
      .map(record => this.#withChanges(record));
  }

  async reportChanges(requestIds: readonly string[] = [...this.records.keys()]): Promise<void> {
    for (const requestId of requestIds) {
      const record = await this.find(requestId);
      if (record === null || record.changedSince === null || this.#reported.has(requestId)) continue;
      this.#reported.add(requestId);
      this.#say(record);
    }
  }

  async forgetEndedBefore(moment: number): Promise<void> {
    for (const [id, { endedAt }] of this.records) if (endedAt !== null && endedAt < moment) this.records.delete(id);
  }

  #positions(): readonly StoredPosition[] {
    const last = new Map(this.moves.map(move => [partitionName(move.partition), move]));
    return [...last.values()].map(({ partition, origin, next }) => ({ partition, origin, ...next }));
  }

  #move(control: ControlPosition): void {
    const stored = this.#positions().find(({ partition }) => isSamePartition(partition, control.partition));
    if (stored !== undefined && stored.nextOffset !== (control.lost?.from ?? control.from))
      throw new TidemarkError('STALE_BATCH', `the stored offset is ${stored.nextOffset}, not ${control.from}`);
    this.moves.push(control);
  }

  #withChanges(record: ExportRecord): ExportRecord {
    return record.state === 'completed' ? { ...record, changedSince: this.#changesSince(record) } : record;
  }

  #changesSince({ requestId, manifest, snapshotBatch }: ExportRecord): ChangedSince | null {
    if (manifest?.status !== 'complete' || snapshotBatch === null) return null;
    const found = this.#contradictions.filter(each => each.requestId === requestId && each.batch > snapshotBatch);
    const [first] = found;
    if (first === undefined) return null;
    const { at, topic, partition, offset } = first;
    return { at, topic, partition, offset, services: found.reduce((sum, { services }) => sum + services, 0) };
  }

  #say(record: ExportRecord): void {
    const said = this.statuses.filter(({ request_id: id, sequence }) => id === record.requestId && sequence > 0);
    this.statuses.push(statusOf(record, { sequence: said.length + 1, now: 0, roots: [], service: 's' }));
  }
}
