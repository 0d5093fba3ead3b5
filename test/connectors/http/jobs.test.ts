import { readdir, rename } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { ExportReport } from '../../../connectors/http/export-report.ts';
import { goldenLines } from '../../support/golden.ts';
import { type Served, serve } from '../../support/serving.ts';

/** A window that never becomes complete, so an export of it waits for `export_wait_ms`. */
const endless = 'time_from=2014-01-01T00:00:00Z&time_to=2199-01-01T00:00:00Z&wait=complete&file_prefix=x_';
const quick = 'time_from=2014-01-01T00:00:00Z&time_to=2015-01-01T00:00:00Z&file_prefix=q_&format=json';

const oneAtOnce = { exports_at_once: 1, export_queue: 1, export_wait_ms: 600_000 };

async function ask(served: Served, path: string, init: RequestInit = {}) {
  const answer = await fetch(`${served.url}${path}`, init);
  return { status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text()) };
}

const post = (served: Served, query: string, id: string, prefer = 'respond-async') =>
  ask(served, `/genesys/1/cs/maintenance/services/files?${query}`, {
    method: 'POST',
    headers: { 'idempotency-key': id, prefer },
  });
const cancel = (served: Served, id: string) => ask(served, `/exports/${id}`, { method: 'DELETE' });
const reportOf = async (served: Served, id: string) => (await ask(served, `/exports/${id}`)).body as ExportReport;

test('a full queue answers 503 with Retry-After and records nothing (contract 5.6, 5.12)', async () => {
  const served = await serve({ lines: goldenLines('seed/events.ndjson'), settings: oneAtOnce });
  await post(served, endless, 'runs');
  await post(served, endless, 'waits');
  const { status, headers, body } = await post(served, endless, 'too-many');
  expect([status, headers.get('retry-after'), body.exception]).toEqual([503, '5', 'QUEUE_FULL']);
  expect((await ask(served, '/exports/too-many')).status).toBe(404);
  const listed = async () => {
    const reports = (await ask(served, '/exports')).body as readonly ExportReport[];
    return reports.map(({ request_id, state, progress }) => [request_id, state, progress.phase]);
  };
  // What waits for the log holds no place, but counts for the queue.
  await expect.poll(listed).toEqual([
    ['waits', 'running', 'waiting for the log'],
    ['runs', 'running', 'waiting for the log'],
  ]);
  expect((await ask(served, '/exports?limit=1')).body).toHaveLength(1);
});

test('a file of an export that has not ended is 409 with the state, any other name 404 (contract 5.13)', async () => {
  const served = await serve({ lines: goldenLines('seed/events.ndjson'), settings: oneAtOnce });
  await post(served, endless, 'runs');
  await post(served, endless, 'waits');
  for (const id of ['runs', 'waits']) {
    await expect.poll(async () => (await reportOf(served, id)).state).toBe('running');
    const name = (await reportOf(served, id)).created[0];
    const { status, body } = await ask(served, `/exports/${id}/files/${name}`);
    expect([status, body.exception]).toEqual([409, 'REQUEST_UNFINISHED']);
    expect(body.message).toBe(`export "${id}" is running; "${name}" is there when it is completed`);
    expect((await ask(served, `/exports/${id}/files/other.csv`)).status).toBe(404);
  }
  const { created } = (await cancel(served, 'runs')).body as ExportReport;
  expect((await ask(served, `/exports/runs/files/${created[0]}`)).status, 'it will never be there').toBe(404);
});

// contract 5.12
test('an export can be cancelled while it is queued and while it runs, but not when it has ended', async () => {
  const served = await serve({ lines: goldenLines('seed/events.ndjson'), settings: oneAtOnce });
  const asked = post(served, endless, 'runs', '');
  await served.logged(/"request_id":"runs","state":"running"/);
  await post(served, endless, 'waits');
  for (const id of ['waits', 'runs']) {
    const { status, body } = await cancel(served, id);
    expect([status, body.state, body.error.code, body.files]).toEqual([200, 'cancelled', 'CANCELLED', []]);
    const again = await cancel(served, id);
    expect([again.status, again.body.exception]).toEqual([409, 'REQUEST_ENDED']);
  }
  // The client that waited for the files gets the reason why there are none.
  const answered = await asked;
  expect([answered.status, answered.body.exception]).toEqual([409, 'CANCELLED']);
  await post(served, quick, 'done', '');
  expect((await cancel(served, 'done')).body.exception).toBe('REQUEST_ENDED');
  expect(await readdir(served.root)).toEqual([expect.stringMatching(/^q_.*_services\.json$/)]);
  const unknown = await cancel(served, 'nobody');
  expect([unknown.status, unknown.body.exception]).toEqual([404, 'REQUEST_UNKNOWN']);
});

test('the history of exports is listed page by page, and by state, door and time (contract 5.12)', async () => {
  const served = await serve({ lines: goldenLines('seed/events.ndjson') });
  const ids = ['one', 'two', 'three', 'four', 'five'];
  const accepted: string[] = [];
  for (const id of ids) {
    await post(served, quick, id, '');
    accepted.push((await reportOf(served, id)).accepted_at);
  }
  const paged: string[] = [];
  let pages = 0;
  for (let next: string | undefined = '/exports?limit=2&state=completed&door=http'; next !== undefined; pages += 1) {
    const { body, headers } = await ask(served, next);
    paged.push(...(body as readonly ExportReport[]).map(({ request_id }) => request_id));
    next = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    await post(served, quick, `while page ${pages}`, '');
  }
  expect(paged).toEqual(ids.toReversed());
  expect(pages).toBe(3);
  const listed = async (query: string) =>
    ((await ask(served, `/exports?${query}`)).body as readonly ExportReport[]).map(({ request_id }) => request_id);
  expect(await listed('door=control')).toEqual([]);
  expect(await listed('state=failed')).toEqual([]);
  expect(await listed(`accepted_from=${accepted[1]}&accepted_to=${accepted[3]}`)).toEqual(['three', 'two']);
});

test('a wrong cursor and a wrong time are refused together (contract 5.9, 5.12)', async () => {
  const served = await serve({ lines: goldenLines('seed/events.ndjson') });
  for (const cursor of ['x', btoa('[1]'), btoa('[1e99,"x"]'), btoa('{}')]) {
    const { status, body } = await ask(served, `/exports?cursor=${cursor}&accepted_to=2014-13-01T00:00:00Z`);
    expect([status, body.exception]).toEqual([400, 'REQUEST_INVALID']);
    expect(body.message).toMatch(/accepted_to is "2014-13-01T00:00:00Z"; allowed is a date/);
  }
  expect((await ask(served, '/exports?cursor=x')).body.message).toMatch(
    /cursor is "x"; allowed is the cursor of a Link/,
  );
  expect((await ask(served, '/exports?state=done')).body.message).toMatch(
    /state is "done"; allowed is accepted, running/,
  );
});

test('a failed export answers with the status of its failure, also when it is requested again', async () => {
  const settings = { max_extension_columns: 1 };
  const served = await serve({ lines: goldenLines('seed/events.ndjson'), settings });
  const query = 'time_from=2014-01-01T00:00:00Z&time_to=2015-01-01T00:00:00Z&file_prefix=wide_';
  for (const time of ['first', 'again']) {
    const { status, body } = await post(served, query, 'wide', '');
    expect([time, status, body.exception]).toEqual([time, 400, 'TOO_MANY_COLUMNS']);
  }
  expect((await reportOf(served, 'wide')).error?.code).toBe('TOO_MANY_COLUMNS');
  expect(await readdir(served.root)).toEqual([]);
});

test('when the service stops during an export, the client that waits gets 503 INTERRUPTED or a closed connection', async () => {
  const served = await serve({ lines: goldenLines('seed/events.ndjson'), settings: oneAtOnce });
  const waiting = post(served, endless, 'runs', '');
  const early = waiting.then(answer => {
    throw new Error(`answered before it ran: ${answer.status} ${JSON.stringify(answer.body)}`);
  });
  // When the export does not run, its early answer explains more than a timeout of this test.
  await Promise.race([served.logged(/"request_id":"runs","state":"running"/), early]);
  early.catch(() => undefined);
  await served.stop();
  const answered = await waiting.catch(() => null);
  // The connection may be closed before the answer is sent.
  if (answered !== null) expect([answered.status, answered.body.exception]).toEqual([503, 'INTERRUPTED']);
});

test('an ended export is answered with its result at once, also with respond-async (contract 5.10)', async () => {
  const served = await serve({ lines: goldenLines('seed/events.ndjson') });
  const first = await post(served, quick, 'one', '');
  const again = await post(served, quick, 'one');
  expect([first.status, again.status, again.body]).toEqual([200, 200, first.body]);
});

test('no answer shows where the export root is', async () => {
  const served = await serve({ lines: goldenLines('seed/events.ndjson') });
  await rename(served.root, `${served.root}-moved`);
  const { status, body } = await post(served, quick, 'lost', '');
  expect([status, body.exception]).toEqual([503, 'EXPORT_ROOT_GONE']);
  expect(body.message).toContain('the folder of the exports is not there at the moment');
  expect(JSON.stringify([body, (await ask(served, '/exports')).body])).not.toContain(served.folder);
});
