import { once } from 'node:events';
import net from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import type { Status } from '../../ops/service/status.ts';
import { serve } from '../support/serving.ts';

test('idle connections take no file that the service needs: it stores on, and answers when they are gone', async () => {
  const served = await serve({ within: () => ['prlimit', '--nofile=150'] });
  const { hostname, port } = new URL(served.url);
  const clients = Array.from({ length: 180 }, () => net.connect({ host: hostname, port: Number(port) }));
  onTestFinished(() => {
    for (const client of clients) client.destroy();
  });
  for (const client of clients) client.on('error', () => undefined);
  await Promise.all(clients.map(client => once(client, 'connect')));
  await waitFor('some to be closed', async () => (clients.some(({ closed }) => closed) ? true : null));

  const writer = await openLogWriter({ root: `${served.folder}/log`, topic: 'calls', partition: 0 });
  const value = Buffer.from('{"event":"service.started","service_id":"s-2"}');
  await writer.append([{ timestamp: Date.now(), key: null, value }]);
  await writer.close();
  await served.logged('"next":2,');
  for (const client of clients) client.destroy();
  const status = await waitFor('an answer', async () =>
    fetch(`${served.url}/status`).then(
      async answer => (await answer.json()) as Status,
      () => null,
    ),
  );
  expect(status.partitions[0]?.applied).toBe(2);
  expect(await served.stop()).toMatchObject({ code: 0 });
}, 60_000);
