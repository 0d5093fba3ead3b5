import { formatTimestamp } from '../schemas/timestamps.ts';
import type { StoredPosition } from './ports.ts';

export interface Completeness {
  readonly status: 'complete' | 'provisional';
  /** Why it is provisional, naming the partitions; empty when complete. */
  readonly reasons: readonly string[];
}

export interface CompletenessInput {
  readonly positions: readonly StoredPosition[];
  /** End of the window, in milliseconds since 1970 UTC. */
  readonly timeTo: number;
  readonly allowedLatenessMs: number;
  /** Selected services whose events come from more than one partition: they have no order in the log. */
  readonly splitServices: number;
}

/** Complete: no event with a time before `time_to` is still expected, for every partition's watermark has passed it. */
export function judgeCompleteness({
  positions,
  timeTo,
  allowedLatenessMs,
  splitServices,
}: CompletenessInput): Completeness {
  const reasons = positions
    .filter(({ watermark }) => watermark === null || watermark < timeTo + allowedLatenessMs)
    .map(({ partition, watermark }) => {
      const at = watermark === null ? 'not known' : formatTimestamp(watermark);
      return `${partition.topic}/${partition.partition}: watermark ${at} has not passed ${formatTimestamp(timeTo + allowedLatenessMs)}`;
    });
  if (positions.length === 0) reasons.push('nothing was ever ingested');
  if (splitServices > 0) reasons.push(`${splitServices} of the services have events in more than one partition`);
  return { status: reasons.length === 0 ? 'complete' : 'provisional', reasons };
}
