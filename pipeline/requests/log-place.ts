import { parseTimestamp } from '../../schemas/json/timestamps.ts';

/** A place in the log, between which a replay reads. */
export type LogPlace =
  | { readonly at: 'beginning' | 'now' }
  /** Milliseconds since 1970 UTC, compared with the times that the log keeps of its records. */
  | { readonly at: 'time'; readonly time: number }
  /** By partition, as `topic/partition`. */
  | { readonly at: 'offsets'; readonly offsets: ReadonlyMap<string, number> };

/** What is allowed as a place, for messages. */
export const allowedPlaces =
  'beginning, now, a time with a zone such as 2026-01-31T00:00:00Z, topic/partition=offset,…';

/** Reads a place; null for a text that names none. */
export function readLogPlace(text: string): LogPlace | null {
  if (text === 'beginning' || text === 'now') return { at: text };
  const time = parseTimestamp(text);
  if (typeof time === 'number') return { at: 'time', time };
  const offsets = new Map<string, number>();
  for (const each of text.split(',')) {
    const [, name, offset] = /^(.+\/\d+)=(\d{1,15})$/.exec(each) ?? [];
    if (name === undefined || offsets.has(name)) return null;
    offsets.set(name, Number(offset));
  }
  return { at: 'offsets', offsets };
}
