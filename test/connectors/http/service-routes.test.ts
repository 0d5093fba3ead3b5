import net from 'node:net';
import { tmpdir } from 'node:os';
import Fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { addServiceRoutes } from '../../../connectors/http/service-routes.ts';
import { slowClientLimits } from '../../../connectors/http/slow-clients.ts';
import { request } from '../../support/raw-http.ts';

test('a snapshot that a client waited for is closed when the client has disconnected meanwhile', async () => {
  const server = Fastify({ forceCloseConnections: true });
  onTestFinished(() => server.close());
  const disconnected = new Promise<void>(resolve => {
    server.server.on('connection', socket => socket.once('close', () => resolve()));
  });
  let isClosed = false;
  const query = {
    write: async () => undefined,
    interrupt: () => undefined,
    close: async () => {
      isClosed = true;
    },
  };
  const opened = new Promise<void>(resolve => {
    const open = async () => {
      client.destroy();
      await disconnected;
      resolve();
      return query;
    };
    const services = { find: async () => null, open };
    addServiceRoutes(server, {
      services,
      clock: { now: Date.now },
      log: { warn: () => undefined } as never,
      slowClients: slowClientLimits(1_000),
      streams: { spool: { folder: tmpdir(), maxBytes: 1_000 }, atOnce: 1 },
    });
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  const client = net.connect({ host: '127.0.0.1', port: server.addresses()[0]!.port });
  const route = '/genesys/1/cs/maintenance/services/stream?time_from=2014-01-01T00:00:00Z&time_to=2015-01-01T00:00:00Z';
  client.write(request(`GET ${route}`).join('\r\n'));
  await opened;
  await expect.poll(() => isClosed, { message: 'the snapshot stays open, and others wait for it' }).toBe(true);
});
