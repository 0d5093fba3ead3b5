import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Broker } from '../../ops/local-kafka/broker.ts';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { TestCluster } from '../support/kafka/cluster.ts';
import { EventLoad, produceUntilStopped } from '../support/kafka/load.ts';
import { canStartBroker, startBroker } from '../support/kafka/own-servers.ts';
import { accountsOf, readLog, storedAccounts } from '../support/kafka/read-log.ts';
import { chosenSeed } from '../support/random.ts';
import { Service, servingOf } from '../support/service.ts';

const crashes = process.env.SOAK ? 60 : 2;

/** By default; only the worst of stops takes so long. */
const stopDeadlineMs = 20_000;

const notReady = (service: Service, says: RegExp) =>
  waitFor(`not to be ready because of ${says}`, async () => {
    const { ready, reasons } = await service.readiness();
    return !ready && says.test(reasons.join()) ? reasons : null;
  });

const becomesReady = (service: Service) =>
  waitFor('to be ready', async () => ((await service.readiness()).ready ? true : null));

describe.skipIf(!(await canStartBroker()))('a broker', () => {
  const seed = chosenSeed();
  let broker: Broker;
  let cluster: TestCluster;
  beforeAll(async () => {
    broker = await startBroker({}, afterAll);
    cluster = new TestCluster(broker.brokers);
  });

  test(`killed and started again ${crashes} times under load: every record is stored exactly once (seed ${seed})`, {
    timeout: 60_000 + crashes * 30_000,
  }, async () => {
    const topic = await cluster.createTopic('crashes', { partitions: 3 });
    const load = new EventLoad({ topic, partitions: 3, services: 900, seed });
    const producing = await produceUntilStopped(cluster, topic, { load, records: 40, everyMs: 40 });
    const service = new Service(await servingOf(cluster, topic));

    const readSoFar = async () => {
      const { partitions } = await service.status();
      return partitions.reduce((sum, { records_read }) => sum + records_read, 0);
    };
    for (let crash = 0; crash < crashes; crash += 1) {
      const before = await readSoFar();
      await service.reaches(
        'more to be read',
        ({ partitions }) => partitions.reduce((sum, { records_read }) => sum + records_read, 0) > before + 200,
      );
      await broker.kill();
      await notReady(service, /ECONNREFUSED|closed|connect/i);
      await broker.start();
      await becomesReady(service);
    }
    await producing.stop();
    await service.reachesOffsets(await cluster.offsets(topic));
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
    expect(await storedAccounts(service.db, topic)).toEqual(accountsOf(await readLog(cluster, topic)));
  });

  test.each([
    ['is gone', 'kill'],
    ['hangs', 'freeze'],
  ] as const)(
    'that %s: the service stops in order, reports why it waits after its start, and continues when the broker is back',
    async (_, fault) => {
      const topic = await cluster.createTopic(fault, { partitions: 3 });
      const load = new EventLoad({ topic, partitions: 3, services: 300, seed });
      const producing = await produceUntilStopped(cluster, topic, { load, records: 40, everyMs: 40 });
      const serving = await servingOf(cluster, topic);
      const service = new Service(serving);
      await service.line('batch stored');

      if (fault === 'kill') await broker.kill();
      else process.kill(broker.pid, 'SIGSTOP');
      const began = performance.now();
      expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
      expect(performance.now() - began).toBeLessThan(stopDeadlineMs);

      const next = new Service(serving);
      const [reason] = await notReady(next, fault === 'kill' ? /ECONNREFUSED/ : /./);
      expect(reason).toMatch(
        fault === 'kill' ? /^could not connect to Kafka at 127\.0\.0\.1:\d+: / : /not reached yet/,
      );
      if (fault === 'freeze') process.kill(broker.pid, 'SIGCONT');
      await broker.start();
      await becomesReady(next);
      await producing.stop();
      await next.reachesOffsets(await cluster.offsets(topic));
      expect(await next.stop()).toMatchObject({ code: 0, stderr: '' });
      expect(await storedAccounts(next.db, topic)).toEqual(accountsOf(await readLog(cluster, topic)));
    },
  );
});
