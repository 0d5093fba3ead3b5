import type { Source } from '../../pipeline/completeness/sources.ts';
import { partitionName } from '../../pipeline/partition.ts';
import type { LiveSource } from './live-source.ts';

/** One reason why the service is not ready for requests. */
export interface Unready {
  /** For everyone, also without a token: it contains no address, name or message of another machine. */
  readonly general: string;
  /** For operators. */
  readonly detail: string;
}

/** What can keep a service from being ready; each problem is null where there is none. */
export interface Readiness {
  readonly source: Pick<LiveSource, 'name' | 'problem' | 'assigned'>;
  readonly watchProblem: string | null;
  readonly registryProblem: string | null;
  /** Of the export root. */
  readonly rootProblem: string | null;
  /** The partitions whose next records wait. */
  readonly held: readonly Pick<Source, 'partition' | 'held'>[];
  /** Of topics' settings, and of requests and statuses. */
  readonly others: readonly Unready[];
}

const noneAssigned = 'no partition is assigned to this process';

/** All current reasons. While the source is not connected, those that follow from it are left out. */
export function unreadiness(readiness: Readiness): readonly Unready[] {
  const { source, watchProblem, registryProblem, rootProblem, held, others } = readiness;
  const ofRoot = unready('exports cannot be written at the moment', rootProblem);
  if (source.name() === null)
    return [...unready('the source of events is not reached yet', source.problem()), ...ofRoot];
  return [
    ...ofRoot,
    ...unready('events are not read at the moment', source.problem()),
    ...unready('the end of the log cannot be looked at', watchProblem),
    ...unready('the schema registry does not answer', registryProblem),
    ...held.map(({ partition, held: reason }) => ({
      general: 'records wait because they seem not to fit the configuration',
      detail: `the records of ${partitionName(partition)} wait: ${reason}`,
    })),
    ...others,
    ...unready(noneAssigned, source.assigned().length === 0 ? noneAssigned : null),
  ];
}

/** A list of one reason, or of none where `detail` is null. */
export function unready(general: string, detail: string | null): readonly Unready[] {
  return detail === null ? [] : [{ general, detail }];
}
