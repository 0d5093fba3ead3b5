import { describe, expect, test } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { TestCluster } from '../support/kafka/cluster.ts';
import { ControlPlace, exportRequest, StatusReader } from '../support/kafka/control-place.ts';
import { canStartBroker, startBroker } from '../support/kafka/own-servers.ts';
import { queryDatabase } from '../support/tables.ts';

describe.skipIf(!(await canStartBroker()))('a service whose Kafka dies', () => {
  test('serves other doors, keeps their statuses, and sends them when Kafka is back', async () => {
    const broker = await startBroker();
    const place = await ControlPlace.make(new TestCluster(broker.brokers));
    const service = place.start('--kafka-session-timeout-ms', '6000');
    const statuses = await StatusReader.open(place);
    await place.ask(exportRequest('before'));
    await statuses.ended('before');
    const url = await service.url();
    const isReady = async () => (await fetch(`${url}/readyz`)).ok;
    await waitFor('readiness', async () => ((await isReady()) ? true : null));

    await broker.kill();
    const query = new URLSearchParams({ time_from: '2026-03-01T00:00:00Z', time_to: '2026-03-02T00:00:00Z' });
    query.set('file_prefix', 'meanwhile/');
    const answer = await fetch(`${url}/genesys/1/cs/maintenance/services/files?${query}`, {
      method: 'POST',
      headers: { 'idempotency-key': 'meanwhile' },
    });
    expect([answer.status, await answer.json()]).toEqual([200, expect.any(Array)]);
    await waitFor('not ready', async () => ((await isReady()) ? null : true));

    await broker.start();
    await place.ask(exportRequest('after'));
    expect(await statuses.ended('meanwhile')).toMatchObject({ status: 'completed', rows: { services: 3 } });
    expect(await statuses.ended('after')).toMatchObject({ status: 'completed' });
    await waitFor('readiness again', async () => ((await isReady()) ? true : null));

    await broker.kill();
    expect(await service.stop(), 'it stops without Kafka').toMatchObject({ code: 0 });
    expect(await queryDatabase(place.db, of => of('FROM outbox'))).toEqual([]);
  });
});
