import type { Wrong } from './replaceable.ts';

/** Mistakes of the code around the pipeline, which the harness makes on demand. */
export type SeamMistake =
  | 'looks ask only for what is read'
  | 'the clock is read after the ends'
  | 'markers do not count as stored'
  | 'a window is watched from the record on'
  | 'the verdict is read after the snapshot'
  | 'windows are forgotten at a restart'
  | 'batches before the snapshot mark too'
  | 'a cut is not recorded at once'
  | 'ingest marks nothing'
  | 'a part counts as declared after a restart'
  | 'an unfinished ingest has ended'
  | 'sources are recorded one by one'
  | 'an open folder has ended'
  | 'the clock stands still at the end of time';

/** What is wrong in a run: nothing, or one mistake. */
export interface Mistake {
  readonly seams?: readonly SeamMistake[];
  /** Lateness that the store takes instead of the configured one. */
  readonly lateness?: (configured: Lateness) => Lateness;
}

interface Lateness {
  readonly allowedMs: number;
  readonly clockMs: number;
}

/** A mistake that the law must find, as one function or step that is wrong. */
export interface NamedMistake extends Mistake {
  readonly name: string;
  readonly wrong?: Wrong;
}

export function seam(name: string, ...seams: readonly SeamMistake[]): NamedMistake {
  return { name, seams };
}
