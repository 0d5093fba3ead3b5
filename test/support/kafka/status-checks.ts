import { expect } from 'vitest';
import type { Status } from '../../../pipeline/requests/statuses.ts';

/** The last status of each request by id, as a reader sees it that keeps the highest sequence. */
export function lastStatuses(statuses: readonly Status[]): ReadonlyMap<string, Status> {
  const last = new Map<string, Status>();
  for (const status of statuses)
    if (status.sequence > (last.get(status.request_id)?.sequence ?? -1)) last.set(status.request_id, status);
  return last;
}

/**
 * Checks the statuses of one request: sequences without a gap, equal repeats, and one final status with the highest
 * sequence.
 */
export function checkStatusesOf(id: string, statuses: readonly Status[]): void {
  const bySequence = new Map<number, Status>();
  for (const status of statuses.filter(({ sequence }) => sequence > 0)) {
    const before = bySequence.get(status.sequence);
    if (before !== undefined) expect(status, id).toEqual(before);
    else expect(status.sequence, `${id} in order`).toBe(bySequence.size + 1);
    bySequence.set(status.sequence, status);
  }
  const ends = [...bySequence.values()].filter(({ status }) => status !== 'accepted' && status !== 'running');
  expect(
    ends.map(({ sequence }) => sequence),
    id,
  ).toEqual([bySequence.size]);
}
