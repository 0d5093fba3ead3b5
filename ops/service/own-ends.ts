import { TidemarkError } from '../../pipeline/errors.ts';
import type { LogEnd } from '../../pipeline/ports.ts';
import type { LiveSource } from './live-source.ts';
import { ours } from './watch.ts';

export interface Owning {
  /** Why the log cannot be looked at; null when it can. */
  readonly problem: string | null;
  /** Whether the partitions are a fixed list, which are ours before the group has said so. */
  readonly isFixed: boolean;
}

/**
 * How far the partitions reach that this process is to read. Throws `SOURCE_UNREACHABLE` when that cannot be known: a log
 * of which nothing is ours at the moment has no ends to wait for, but is not known to be read.
 */
export async function ownEnds(
  source: Pick<LiveSource, 'ends' | 'assigned'> | null,
  { problem, isFixed }: Owning,
): Promise<readonly LogEnd[]> {
  // Asking a cluster that is gone would hold every request up for as long as a connection takes to fail.
  if (source === null || problem !== null)
    throw new TidemarkError('SOURCE_UNREACHABLE', problem ?? 'the source of events is not reached yet');
  const ends = await source.ends();
  const assigned = isFixed ? null : source.assigned();
  if (assigned?.length === 0)
    throw new TidemarkError('SOURCE_UNREACHABLE', 'no partition is assigned to this process yet');
  return ours(ends, assigned);
}
