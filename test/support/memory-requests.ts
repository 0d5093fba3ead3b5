import { type ExportRecord, isEnded, type RequestChange, type RequestStore } from '../../pipeline/requests.ts';

/** Keeps requests as the database does, without one. */
export class MemoryRequestStore implements RequestStore {
  readonly records = new Map<string, ExportRecord>();

  async insert(record: ExportRecord): Promise<void> {
    if (this.records.has(record.requestId)) throw new Error(`request ${record.requestId} is there already`);
    this.records.set(record.requestId, record);
  }

  async update(requestId: string, change: RequestChange): Promise<boolean> {
    const record = this.records.get(requestId);
    if (record === undefined || isEnded(record.state)) return false;
    const goesOn = change.state === 'running' || change.state === 'publishing';
    if (goesOn && record.cancelledBy !== null) return false;
    const ended = change.state !== undefined && isEnded(change.state);
    this.records.set(requestId, { ...record, ...change, endedAt: ended ? record.acceptedAt : null });
    return true;
  }

  async cancel(requestId: string, by: string): Promise<boolean> {
    const record = this.records.get(requestId);
    if (record === undefined || isEnded(record.state) || record.state === 'publishing') return false;
    this.records.set(requestId, { ...record, cancelledBy: by });
    return true;
  }

  async repeat(): Promise<void> {}

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
}
