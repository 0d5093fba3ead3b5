import type { ExportRecord, RequestState, RequestStore } from '../../pipeline/requests.ts';

const ENDED: readonly RequestState[] = ['completed', 'failed', 'cancelled'];

/** Keeps requests as the database does, without one. */
export class MemoryRequestStore implements RequestStore {
  readonly records = new Map<string, ExportRecord>();

  async insert(record: ExportRecord): Promise<void> {
    if (this.records.has(record.requestId)) throw new Error(`request ${record.requestId} is there already`);
    this.records.set(record.requestId, record);
  }

  async update(requestId: string, change: Parameters<RequestStore['update']>[1]): Promise<void> {
    const record = this.records.get(requestId);
    if (record === undefined) throw new Error(`no request ${requestId}`);
    if (ENDED.includes(record.state)) return;
    const ended = change.state !== undefined && ENDED.includes(change.state);
    this.records.set(requestId, { ...record, ...change, endedAt: ended ? record.acceptedAt : null });
  }

  async find(requestId: string): Promise<ExportRecord | null> {
    return this.records.get(requestId) ?? null;
  }

  async unfinished(): Promise<readonly ExportRecord[]> {
    const records = [...this.records.values()].filter(({ state }) => !ENDED.includes(state));
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
