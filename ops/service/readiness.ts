import type { LiveSource } from './live-source.ts';

/** Why the service is not ready for requests. */
export interface Unready {
  /** For whoever asks, without a token too: no address or name of another machine, and none of its words. */
  readonly general: string;
  /** For operators. */
  readonly detail: string;
}

/** What can keep a service from being ready, as it is now; null where nothing is wrong. */
export interface Readiness {
  /** Null while it is not reached yet, which `sourceProblem` tells of then. */
  readonly source: Pick<LiveSource, 'problem' | 'assigned'> | null;
  readonly sourceProblem: string;
  readonly watchProblem: string | null;
  readonly registryProblem: string | null;
  readonly control: readonly Unready[];
}

const noneAssigned = 'no partition is assigned to this process';

export function unreadiness(of: Readiness): readonly Unready[] {
  if (of.source === null) return unready('the source of events is not reached yet', of.sourceProblem);
  return [
    ...unready('events are not read at the moment', of.source.problem()),
    ...unready('the end of the log cannot be looked at', of.watchProblem),
    ...unready('the schema registry does not answer', of.registryProblem),
    ...of.control,
    ...unready(noneAssigned, of.source.assigned()?.length === 0 ? noneAssigned : null),
  ];
}

/** None where there is no problem. */
export function unready(general: string, detail: string | null): readonly Unready[] {
  return detail === null ? [] : [{ general, detail }];
}
