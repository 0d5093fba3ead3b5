import net from 'node:net';
import Fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { ResponseStreams } from '../../../connectors/http/response-streams.ts';
import { slowClientLimits } from '../../../connectors/http/slow-clients.ts';
import { request } from '../../support/raw-http.ts';

test('a query that has found nothing yet is interrupted when its client disconnects', async () => {
  const server = Fastify({ forceCloseConnections: true });
  let isInterrupted = false;
  let interrupt = (): void => undefined;
  const query = {
    write: () =>
      new Promise<void>((_, reject) => {
        interrupt = () => reject(new Error('interrupted'));
        client.destroy();
      }),
    interrupt: () => {
      isInterrupted = true;
      interrupt();
    },
    close: async () => undefined,
  };
  const log = { warn: () => undefined } as never;
  const streams = new ResponseStreams({ slowClients: slowClientLimits(60_000), log });
  server.get('/stream', (_request, reply) => streams.send(reply, query));
  await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => {
    interrupt();
    return server.close();
  });
  const client = net.connect({ host: '127.0.0.1', port: server.addresses()[0]!.port });
  client.write(request('GET /stream').join('\r\n'));
  await expect.poll(() => isInterrupted, { message: 'the query runs on for nobody' }).toBe(true);
});
