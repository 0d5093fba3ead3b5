import type { ReplayView } from '../../pipeline/requests/replay-job.ts';
import { replayMessage } from '../../pipeline/requests/replay-request.ts';
import { formatTimestamp } from '../../schemas/json/timestamps.ts';

export type ReplayReport = ReturnType<typeof replayReportOf>;

/** A replay as clients see it. Of its database only the name is shown, not the folder. */
export function replayReportOf({ record, phase, progress }: ReplayView) {
  const { requestId, state, asker, acceptedAt, endedAt, given, plan, error, usedAt, droppedAt } = record;
  return {
    request_id: requestId,
    state,
    door: asker.door,
    client: asker.client,
    accepted_at: formatTimestamp(acceptedAt),
    ended_at: formatNullable(endedAt),
    request: given,
    from: plan.from,
    until: plan.until,
    allow_gaps: plan.allowGaps,
    database: state === 'completed' && droppedAt === null ? plan.file : null,
    used_at: formatNullable(usedAt),
    dropped_at: formatNullable(droppedAt),
    progress: {
      phase,
      records_read: progress.recordsRead,
      records: progress.records,
      bytes: progress.bytes,
      applied: progress.applied,
      quarantined: progress.quarantined,
    },
    error: error === null ? null : { code: error.code, message: replayMessage(error, record) },
  };
}

function formatNullable(time: number | null): string | null {
  return time === null ? null : formatTimestamp(time);
}
