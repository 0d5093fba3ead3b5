import avro from 'avsc';
import { expect, test } from 'vitest';
import { AvroStatuses } from '../../../connectors/schema-registry/avro-statuses.ts';
import type { RegistryHttp } from '../../../connectors/schema-registry/http.ts';
import { TidemarkError } from '../../../pipeline/errors.ts';
import type { ReplayRecord } from '../../../pipeline/requests/replay-request.ts';
import { refusalOf, replayStatusOf, statusOf } from '../../../pipeline/requests/statuses.ts';
import { readControlSchema } from '../../../schemas/avro/files.ts';
import { completedRecord } from '../../support/completed-export.ts';
import { never } from '../../support/schema-registry.ts';

const context = { sequence: 3, now: 0, roots: [], service: 'nightly' };
const changedSince = { at: Date.UTC(2026, 2, 3), topic: 'calls', partition: 2, offset: 2 ** 53 - 2, services: 7 };
const reported = { ...changedSince, at: '2026-03-03T00:00:00.000Z' };
const complete = completedRecord('one', { status: 'complete', content: 'x' });
const provisional = completedRecord('one', { status: 'provisional', content: 'x' });

/** The schema of statuses before it had `completeness`, `changed_since`, `service` and `action`. */
function earlierSchema(): avro.Schema {
  const schema = JSON.parse(readControlSchema('control.status'));
  return { ...schema, fields: schema.fields.slice(0, -4) };
}

const current = avro.Type.forSchema(JSON.parse(readControlSchema('control.status')));
const earlier = avro.Type.forSchema(earlierSchema());

/** The bytes of a status after the schema's id. */
async function encoded(status: object): Promise<Buffer> {
  const http = {
    url: 'http://registry',
    post: async () => ({ status: 200, errorCode: null, body: { id: 7, version: 1 } }),
  };
  const statuses = new AvroStatuses(http as unknown as RegistryHttp, 'statuses');
  return (await statuses.encode(JSON.stringify(status), never)).subarray(5);
}

const decodedBy = (reader: avro.Type, writer: avro.Type, bytes: Buffer) =>
  reader.fromBuffer(bytes, reader.createResolver(writer));

// contract 5.18, 5.20
test.each([
  ['a complete export', complete, { completeness: 'complete', changed_since: null }],
  ['a provisional export', provisional, { completeness: 'provisional', changed_since: null }],
  ['a contradicted export', { ...complete, changedSince }, { completeness: 'complete', changed_since: reported }],
  [
    'an export without its files yet',
    { ...complete, changedSince, state: 'publishing' as const },
    { completeness: null, changed_since: null },
  ],
])('the status of %s says so, in JSON and in Avro', async (_, record, wanted) => {
  const status = statusOf(record, context);
  expect(status).toMatchObject({ ...wanted, service: 'nightly' });
  expect(current.fromBuffer(await encoded(status))).toMatchObject({ ...wanted, service: 'nightly' });
});

test("the status of a replay has the members of an export's (contract 5.18, 5.27)", async () => {
  const replay: ReplayRecord = {
    ...{
      requestId: 'one',
      state: 'failed',
      asker: { door: 'http', client: 'x' },
      acceptedAt: 1,
      endedAt: 2,
      given: {},
    },
    plan: { from: 'beginning', until: 'now', allowGaps: false, paths: ['/var/log/calls'], file: 'one.duckdb' },
    progress: { recordsRead: 7, records: 9, bytes: 70, applied: 6, quarantined: 1 },
    error: { code: 'RECORDS_LOST', message: 'the log /var/log/calls begins at 5' },
    ...{ cancelledBy: null, usedAt: null, droppedAt: 2 },
  };
  const status = replayStatusOf(replay, context);
  expect(Object.keys(status).toSorted()).toEqual(Object.keys(statusOf(complete, context)).toSorted());
  expect(current.fromBuffer(await encoded(status))).toMatchObject({
    ...{ action: 'replay', status: 'failed', progress: { phase: 'ended', file: null, rows: 7, bytes: 70 } },
    error: { code: 'RECORDS_LOST', message: 'the log calls begins at 5' },
  });
});

test('the status of a refused record has no completeness (contract 5.20)', async () => {
  const status = refusalOf({ requestId: 'one', action: 'export' }, new TidemarkError('REQUEST_INVALID', 'no'), context);
  const wanted = { completeness: null, changed_since: null };
  expect(status).toMatchObject(wanted);
  expect(current.fromBuffer(await encoded(status))).toMatchObject(wanted);
});

test('readers with the earlier schema read new statuses, and new readers earlier ones', async () => {
  const status = statusOf({ ...complete, changedSince }, context);
  const bytes = await encoded(status);
  expect(decodedBy(earlier, current, bytes)).toMatchObject({ request_id: 'one', status: 'completed' });
  const before = earlier.toBuffer(decodedBy(earlier, current, bytes));
  expect(decodedBy(current, earlier, before)).toMatchObject({ completeness: null, changed_since: null });
});

test('a status that an earlier version left in the outbox is sent', async () => {
  const { completeness, changed_since, ...status } = statusOf(complete, context);
  expect([completeness, changed_since]).toEqual(['complete', null]);
  const decoded = current.fromBuffer(await encoded(status));
  expect(decoded).toMatchObject({ request_id: 'one', completeness: null, changed_since: null });
});
