import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import type { Status } from '../../ops/service/status.ts';
import { RunningService } from '../support/running-service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a service waits for a log folder and its first event, and again while the folder is away', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const root = path.join(folder.path, 'log');
  const places = ['--db', path.join(folder.path, 'x.duckdb'), '--export-root', path.join(folder.path, 'out')];
  const service = new RunningService([...places, '--log-folder', root]);
  const url = await service.url();
  const statusWhen = (what: string, holds: (status: Status) => boolean) =>
    waitFor(what, async () => {
      const status = (await (await fetch(`${url}/status`)).json()) as Status;
      return holds(status) ? status : null;
    });
  const isMissing = ({ not_ready }: Status) => not_ready?.some(reason => reason.includes(root)) ?? false;
  await statusWhen('the missing folder', isMissing);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);

  await mkdir(root);
  const writer = await openLogWriter({ root, topic: 'calls', partition: 0 });
  const event = (id: string) => Buffer.from(`{"event":"service.started","service_id":"${id}"}`);
  await writer.append([{ timestamp: Date.now(), key: null, value: event('a') }]);
  await writer.close();
  const isStored = (records: number) => (status: Status) =>
    status.not_ready?.length === 0 && status.partitions[0]?.applied === records;
  await statusWhen('the first event', isStored(1));

  await rename(root, `${root}-away`);
  await statusWhen('the folder that is away', isMissing);
  await rename(`${root}-away`, root);
  const again = await openLogWriter({ root, topic: 'calls', partition: 0 });
  await again.append([{ timestamp: Date.now(), key: null, value: event('b') }]);
  await again.close();
  await statusWhen('the next event', isStored(2));
  expect(await service.stop()).toMatchObject({ code: 0 });
});
