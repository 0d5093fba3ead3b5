import { expect, test } from 'vitest';
import type { FailureCode } from '../../../pipeline/errors.ts';
import { type ReplayRecord, replayMessage } from '../../../pipeline/requests/replay-request.ts';

const record = { plan: { paths: ['/srv/my logs/calls'] } } as unknown as ReplayRecord;

test.each<readonly [FailureCode, string, string]>([
  ['REQUEST_CONFLICT', 'it is of --from now /srv/my logs/calls, not of now', 'it is of --from now calls, not of now'],
  ['SOURCE_CHANGED', '/srv/my logs/calls/a@1/0.log has changed', 'calls/a@1/0.log has changed'],
  ['OUT_OF_MEMORY', 'could not open "/srv/x/march.duckdb": memory', 'could not open "march.duckdb": memory'],
  ['REQUEST_INVALID', 'until asks for a/0=5; see http://host/docs/x', 'until asks for a/0=5; see http://host/docs/x'],
])('the message of %s names no folder of the service', (code, message, told) => {
  expect(replayMessage({ code, message }, record)).toBe(told);
});
