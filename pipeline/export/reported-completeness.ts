import { formatTimestamp } from '../../schemas/json/timestamps.ts';
import type { Completeness } from '../completeness/verdict.ts';
import type { ChangedSince, ExportRecord } from './request.ts';

/** What clients are told of the completeness of an export, in lists, reports and statuses (contract 5.20). */
export interface ReportedCompleteness {
  /** Null until the export is completed, and for one that failed or was cancelled. */
  readonly completeness: Completeness['status'] | null;
  /** The first event that contradicted it, `at` as RFC 3339; null where there was none. */
  readonly changed_since: (Omit<ChangedSince, 'at'> & { readonly at: string }) | null;
}

export function reportCompleteness({ state, manifest, changedSince }: ExportRecord): ReportedCompleteness {
  if (state !== 'completed' || manifest === null) return { completeness: null, changed_since: null };
  return {
    completeness: manifest.status,
    changed_since: changedSince === null ? null : { ...changedSince, at: formatTimestamp(changedSince.at) },
  };
}
