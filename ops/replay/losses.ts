import type { ReplayTarget } from '../../pipeline/completeness/sources.ts';
import { isSamePartition } from '../../pipeline/partition.ts';
import type { Place } from './places.ts';
import type { LogLook } from './replay-log.ts';

/** The offsets of a partition that are held anywhere: several logs may hold parts of it. Null for a file. */
export function endsOf({ parts }: LogLook, { partition }: ReplayTarget) {
  const ends = parts.filter(part => isSamePartition(part.partition, partition)).flatMap(part => part.ends ?? []);
  if (ends.length === 0) return null;
  return {
    low: Math.min(...ends.map(({ low }) => low)),
    stable: Math.max(...ends.map(({ stable }) => stable)),
    high: Math.max(...ends.map(({ high }) => high)),
  };
}

/** What the log no longer holds of a target. */
interface Loss {
  readonly sentence: string;
  /** Whether the replay stores it as a gap, with the records behind it. Else its manifests tell it whatever their window is. */
  readonly isGap: boolean;
}

/** What the log lacks of a target; with the place of a manifest, also where it is another log than the manifest's. */
export function lossesOf(target: ReplayTarget, look: LogLook, place: Place): readonly Loss[] {
  const { partition, from, until } = target;
  const ends = endsOf(look, target);
  if (ends === null || until === null || from >= until) return [];
  const part = look.parts.find(each => isSamePartition(each.partition, partition));
  const manifest = place.at === 'manifest' ? place.manifest : null;
  const known = manifest?.partitions.find(each => isSamePartition(each, partition));
  // What the manifest's own database lacked is no loss.
  const needed = (known?.gaps ?? []).reduce((next, gap) => (gap.from <= next && next < gap.to ? gap.to : next), from);
  const range = `the offsets from ${needed} on and below`;
  const losses: Loss[] = [];
  if (ends.low > needed && needed < until)
    losses.push({ sentence: `the log no longer holds ${range} ${Math.min(ends.low, until)}`, isGap: ends.low < until });
  if (until > ends.high)
    losses.push({ sentence: `the log ends at offset ${ends.high}, not at ${until}`, isGap: false });
  if (part?.isCompacted)
    losses.push({ sentence: `its topic is compacted: any of ${range} ${until} may be gone`, isGap: false });
  const [then, now] = [known?.topic_id ?? null, part?.topicId ?? null];
  if (then !== null && now !== null && then !== now) {
    const anew = `its topic was made anew: its id is ${now}, and the manifest's ${then}`;
    losses.push({ sentence: `${anew}; ${range} ${until} may hold other records`, isGap: false });
  }
  return losses;
}

/** Where the log ends before the target, all of the log is read. */
export function withoutLost(target: ReplayTarget, losses: readonly Loss[], look: LogLook): ReplayTarget {
  const ends = endsOf(look, target);
  if (ends === null || target.until === null) return target;
  const until = Math.max(target.from, Math.min(target.until, ends.high));
  const lacks = losses.flatMap(({ sentence, isGap }) => (isGap ? [] : [sentence]));
  return { ...target, until, ...(lacks.length > 0 ? { lacks } : {}) };
}
