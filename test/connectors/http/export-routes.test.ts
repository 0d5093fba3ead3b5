import Fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { addExportRoutes } from '../../../connectors/http/export-routes.ts';
import { recordedView } from '../../../pipeline/requests/job.ts';
import { recordOf } from '../../contracts/request-store.ts';

/** The status of the answer to a new export with this Prefer header. */
async function statusWith(prefer: string): Promise<number> {
  const server = Fastify({ forceCloseConnections: true });
  onTestFinished(() => server.close());
  server.decorateRequest('exportId', null);
  server.decorateRequest('client', null);
  server.addHook('onRequest', async request => {
    request.client = { door: 'http', client: 'test', role: 'exporter' };
  });
  const view = recordedView(recordOf('one'));
  addExportRoutes(server, { submit: async () => view, ended: async () => view.record });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const route = '/genesys/1/cs/maintenance/services/files?file_prefix=x&time_from=1970-01-01T00:00:00Z';
  const url = `http://127.0.0.1:${server.addresses()[0]!.port}${route}`;
  return (await fetch(url, { method: 'POST', headers: { prefer } })).status;
}

// RFC 7240: names of preferences in any case, parameters after a semicolon, several preferences with commas between.
test.each([
  'respond-async',
  'Respond-Async',
  'respond-async; wait=10',
  'respond-async;x="a"',
  'return=minimal, respond-async',
])('with "Prefer: %s" an export is answered before its files exist', async prefer => {
  expect(await statusWith(prefer)).toBe(202);
});

test.each(['wait=10', 'x=respond-async', 'return=minimal; respond-async'])(
  'with "Prefer: %s" an export is answered when its files exist',
  async prefer => {
    expect(await statusWith(prefer)).toBe(200);
  },
);
