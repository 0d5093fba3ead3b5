import { TidemarkError } from '../../pipeline/errors.ts';
import type { ReplayReader } from '../../pipeline/export/snapshot.ts';
import type { ReplayJobs } from '../../pipeline/requests/replay-jobs.ts';

/** For exports of the live database only. */
export const noReplays: ReplayReader = {
  async check(replayId) {
    throw new TidemarkError('REQUEST_UNKNOWN', `there is no replay ${replayId}`);
  },
  async open(replayId) {
    throw new TidemarkError('REQUEST_UNKNOWN', `there is no replay ${replayId}`);
  },
};

/** For services in memory, which run no replays. */
export const noReplayJobs: Pick<ReplayJobs, 'submit' | 'cancel'> = {
  submit: async () => {
    throw new Error('this service runs no replays');
  },
  async cancel(replayId) {
    throw new TidemarkError('REQUEST_UNKNOWN', `there is no replay ${replayId}`);
  },
};
