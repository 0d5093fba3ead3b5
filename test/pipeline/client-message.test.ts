import { describe, expect, test } from 'vitest';
import { clientMessage } from '../../pipeline/client-message.ts';
import { failureCodes, TidemarkError } from '../../pipeline/errors.ts';
import { refusalOf, statusOf } from '../../pipeline/requests/statuses.ts';
import { recordOf } from '../contracts/request-store.ts';

const roots = ['/data', '/data/exports'];

test.each(failureCodes)('the message of %s contains no path of the service’s machine', code => {
  const message = clientMessage({ code, message: 'could not write /data/exports/day/x.csv (SELECT 1)' }, roots);
  expect(message).not.toContain('/data');
});

test('a failure that the client caused keeps its message, with the export root replaced', () => {
  const message = 'file_prefix "a/b" runs through the file /data/exports/a';
  expect(clientMessage({ code: 'PREFIX_REFUSED', message }, roots)).toBe(
    'file_prefix "a/b" runs through the file <export root>/a',
  );
});

describe('a status has the client’s message for', () => {
  const error = { code: 'EXPORT_FAILED', message: 'could not write x.csv into /data/exports: EIO' } as const;
  const words = 'the service failed (EXPORT_FAILED); its log says why';

  test('an export that failed', () => {
    const failed = { ...recordOf('one'), state: 'failed', error } as const;
    expect(statusOf(failed, { sequence: 3, now: 0, roots, service: 's' }).error).toEqual({
      code: error.code,
      message: words,
    });
  });

  test('a record that was refused', () => {
    const refused = new TidemarkError('PREFIX_REFUSED', 'it leaves the export root through the link /data/exports/l');
    expect(
      refusalOf({ requestId: 'one', action: 'export' }, refused, { now: 0, roots, service: 's' }).error?.message,
    ).toBe('it leaves the export root through the link <export root>/l');
  });
});
