import { describe, expect, test } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import type { Status } from '../../pipeline/requests/statuses.ts';
import { boundedKafkaSource, kafkaOptions } from '../support/kafka/reading.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { checkStatusesOf } from '../support/kafka/status-checks.ts';
import { clockLateness, exportOf, many, passed, reportOf, started } from '../support/kafka/windows.ts';
import { Service, servingOf } from '../support/service.ts';

const kafka = await sharedKafka();

describe.skipIf(!kafka.available)('later events', () => {
  test('a contradicted export says so once on the status topic, and counts (contract 4.30)', async () => {
    const topic = await kafka.createTopic('contradicted');
    const [control, statuses] = [await kafka.createTopic('control'), await kafka.createTopic('status')];
    const from = new Date();
    await kafka.produce(topic, many(3, 'call'));
    const to = new Date();
    await passed(to);
    const doors = ['--control-topic', control, '--status-topic', statuses];
    const service = new Service(await servingOf(kafka, topic, ...clockLateness, ...doors));
    expect(await exportOf(service, 'hour', { from, to, wait: 'complete' })).toMatchObject({ changed_since: null });

    for (const high of [4, 5]) {
      await kafka.produce(topic, [started(`late-${high}`, from)]);
      await service.reachesOffsets([{ partition: 0, high }]);
    }
    const changed = await waitFor('both services to be counted', async () => {
      const report = await reportOf(service, 'hour');
      return report.changed_since?.services === 2 ? report : null;
    });
    expect(changed).toMatchObject({
      completeness: 'complete',
      changed_since: { topic, partition: 0, offset: 3, at: expect.stringMatching(/^20.*Z$/) },
    });
    await waitFor('both to be counted', async () =>
      (await service.metrics()).includes('tidemark_contradictions_total 2\n') ? true : null,
    );
    expect(await service.stop()).toMatchObject({ code: 0 });

    const sent = (await statusesIn(statuses)).filter(({ request_id }) => request_id === 'hour');
    const said = sent.filter(({ changed_since }) => changed_since !== null);
    expect(said).toMatchObject([{ status: 'completed', completeness: 'complete', changed_since: { offset: 3 } }]);
    expect(said[0]?.sequence).toBe(Math.max(...sent.map(({ sequence }) => sequence)));
    checkStatusesOf(
      'hour',
      sent.filter(({ changed_since }) => changed_since === null),
    );
  });
});

async function statusesIn(topic: string): Promise<readonly Status[]> {
  const options = kafkaOptions({ brokers: kafka.brokers, topics: [topic], group: kafka.uniqueTopic('reader') });
  const found: Status[] = [];
  for await (const { records } of boundedKafkaSource(options).read([], new AbortController().signal))
    for (const { value } of records) found.push(JSON.parse(String(value)) as Status);
  return found;
}
