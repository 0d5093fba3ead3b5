import { open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { addDownloadRoutes } from '../../../connectors/http/download-routes.ts';
import { addExportRoutes } from '../../../connectors/http/export-routes.ts';
import { addJobRoutes } from '../../../connectors/http/job-routes.ts';
import { addOpenApi } from '../../../connectors/http/openapi.ts';
import type { ExportRecord } from '../../../pipeline/export/request.ts';
import { recordedView } from '../../../pipeline/requests/job.ts';
import { recordOf } from '../../contracts/request-store.ts';
import { completedRecord } from '../../support/completed-export.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const header = 'tidemark-completeness';
const changed = { at: Date.UTC(2026, 2, 3), topic: 'calls', partition: 2, offset: 2 ** 53 - 1, services: 7 };

/** The routes of exports over one recorded export, whose files hold `content`. */
async function serverOf(record: ExportRecord, content = '') {
  const folder = await temporaryFolder();
  const file = path.join(folder.path, 'file');
  await writeFile(file, content);
  const server = Fastify({ forceCloseConnections: true });
  onTestFinished(async () => {
    await server.close();
    await folder.remove();
  });
  server.decorateRequest('exportId', null);
  server.decorateRequest('client', null);
  server.addHook('onRequest', async request => {
    request.client = { door: 'http', client: 'test', role: 'exporter' };
  });
  await addOpenApi(server, 'test');
  const view = recordedView(record);
  const find = async () => view;
  const cancel = async () => record;
  addExportRoutes(server, { submit: find, ended: async () => record });
  addJobRoutes(server, { jobs: { list: async () => [view], find, cancel }, roots: ['/exports'] });
  const slowClients = { stallMs: 60_000, periodMs: 60_000, minBytesPerPeriod: 0 };
  addDownloadRoutes(server, {
    jobs: { find },
    files: { openFile: () => open(file) },
    slowClients,
    clock: { now: Date.now },
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${server.addresses()[0]!.port}`;
  return (route: string, init: RequestInit = {}) => fetch(`${url}${route}`, init);
}

const services = '/genesys/1/cs/maintenance/services/files?file_prefix=x&time_from=1970-01-01T00:00:00Z';
const respondAsync = { method: 'POST', headers: { prefer: 'respond-async' } };

// contract 5.20
test.each(['complete', 'provisional'] as const)(
  'a %s export says so in the answer to its request, in its report and in each download',
  async status => {
    const record = completedRecord('one', { status, content: 'four' });
    const ask = await serverOf(record, 'four');
    const file = `/exports/one/files/${record.plan.names[0]}`;
    const tag = `"${record.manifest!.files[0]!.packed_sha256}"`;
    const requests: readonly [number, string, RequestInit][] = [
      [200, services, { method: 'POST' }],
      [200, services, respondAsync],
      [200, '/exports/one', {}],
      [200, file, {}],
      [200, file, { method: 'HEAD' }],
      [206, file, { headers: { range: 'bytes=0-1' } }],
      [304, file, { headers: { 'if-none-match': tag } }],
    ];
    for (const [code, route, init] of requests) {
      const answer = await ask(route, init);
      expect([route, init, answer.status, answer.headers.get(header)]).toEqual([route, init, code, status]);
    }
  },
);

test.each(['accepted', 'running', 'publishing', 'failed', 'cancelled'] as const)(
  'an export that is %s has no completeness yet (contract 5.20)',
  async state => {
    const ask = await serverOf({ ...completedRecord('one', { status: 'complete', content: '' }), state });
    const shown = await ask('/exports/one');
    const answered = await ask(services, respondAsync);
    expect([shown.headers.get(header), answered.headers.get(header)]).toEqual([null, null]);
    expect(await shown.json()).toMatchObject({ completeness: null, changed_since: null });
  },
);

test('lists and reports hold completeness and the first contradicting event (contract 5.20)', async () => {
  const record = completedRecord('one', { status: 'complete', content: '' });
  for (const [changedSince, reported] of [
    [null, null],
    [changed, { ...changed, at: '2026-03-03T00:00:00.000Z' }],
  ] as const) {
    const ask = await serverOf({ ...record, changedSince });
    const wanted = { completeness: 'complete', changed_since: reported };
    expect(await (await ask('/exports')).json()).toMatchObject([wanted]);
    expect(await (await ask('/exports/one')).json()).toMatchObject(wanted);
  }
});

test('/openapi.json describes the header and both members', async () => {
  const ask = await serverOf(recordOf('one'));
  const { paths } = JSON.parse(await (await ask('/openapi.json')).text());
  const responses = [
    paths['/genesys/1/cs/maintenance/services/files'].post.responses[200],
    paths['/exports/{id}'].get.responses[200],
    ...[200, 206, 304].map(code => paths['/exports/{id}/files/{name}'].get.responses[code]),
  ];
  for (const { headers } of responses)
    expect(headers['Tidemark-Completeness'].schema).toMatchObject({
      type: 'string',
      enum: ['complete', 'provisional'],
    });
  const { schema } = paths['/exports/{id}'].get.responses[200].content['application/json'];
  expect(schema.required).toEqual(expect.arrayContaining(['completeness', 'changed_since']));
  expect(schema.properties.changed_since.properties).toMatchObject({
    partition: { type: 'integer', format: 'int32' },
    offset: { type: 'integer', format: 'int64' },
    services: { type: 'integer', format: 'int64' },
  });
});
