import { describe, expect, onTestFinished, test } from 'vitest';
import { KafkaSource } from '../../../connectors/kafka/kafka-source.ts';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { partitionName } from '../../../pipeline/partition.ts';
import { ControlPlace, exportRequest, StatusReader } from '../../support/kafka/control-place.ts';
import { kafkaOptions, LogLines, openTestCluster } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import type { RunningService } from '../../support/running-service.ts';

const kafka = await sharedKafka();

/** Joins the group and reads topics until the test ends. Gives a function that lists the assigned partitions. */
async function joinGroup(group: string, topics: readonly string[], partitions: readonly number[] | null = null) {
  const options = kafkaOptions({ brokers: kafka.brokers, topics, group, partitions, sessionTimeoutMs: 6_000 });
  const cluster = await openTestCluster(options);
  const source = new KafkaSource(cluster, options, new LogLines());
  const controller = new AbortController();
  const reading = (async () => {
    for await (const { records } of source.read([], controller.signal)) expect(records).toEqual([]);
  })();
  onTestFinished(async () => {
    controller.abort();
    await reading;
    await cluster.close();
  });
  return () => source.assigned.map(({ partition }) => partitionName(partition)).toSorted();
}

const partitionsOf = (topic: string, count: number) => Array.from({ length: count }, (_, at) => `${topic}/${at}`);

describe.skipIf(!kafka.available)('members of one group that read different topics', () => {
  test('are together assigned all partitions of their topics, whichever leads the group, and share those of a common topic', async () => {
    const group = kafka.uniqueTopic('group');
    const [one, two] = [await kafka.createTopic('one', { partitions: 2 }), await kafka.createTopic('two')];
    const shared = await kafka.createTopic('both', { partitions: 4 });
    const [ofOne, ofTwo] = [await joinGroup(group, [one, shared]), await joinGroup(group, [two, shared])];
    const owned = await waitFor('both to be assigned their partitions', async () => {
      const found = [ofOne(), ofTwo()];
      return found.every(names => names.length > 0) && found.flat().length === 7 ? found : null;
    });
    expect(owned.flat().toSorted()).toEqual(
      [...partitionsOf(one, 2), ...partitionsOf(two, 1), ...partitionsOf(shared, 4)].toSorted(),
    );
    expect(owned[0]).toEqual(expect.arrayContaining(partitionsOf(one, 2)));
    expect(owned.map(names => names.filter(name => name.startsWith(shared)).length)).toEqual([2, 2]);
  });

  test('with fixed lists are each assigned their list of their own topics', async () => {
    const group = kafka.uniqueTopic('group');
    const topics = [await kafka.createTopic('fixed-one'), await kafka.createTopic('fixed-two', { partitions: 2 })];
    const ofOne = await joinGroup(group, [topics[0]!], [0]);
    const ofTwo = await joinGroup(group, [topics[1]!], [0, 1]);
    await waitFor('both', async () => (ofOne().length === 1 && ofTwo().length === 2 ? true : null));
    expect([ofOne(), ofTwo()]).toEqual([partitionsOf(topics[0]!, 1), partitionsOf(topics[1]!, 2)]);
  });

  test('are assigned partitions that are added to their topics', async () => {
    const group = kafka.uniqueTopic('group');
    const [one, two] = [await kafka.createTopic('grows-one'), await kafka.createTopic('grows-two')];
    const members = [await joinGroup(group, [one]), await joinGroup(group, [two])];
    const owned = () => members.map(names => names());
    await waitFor('both', async () => (owned().every(names => names.length === 1) ? true : null));
    for (const topic of [one, two])
      await kafka.withAdmin(admin => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
    await waitFor('the new ones', async () => (owned().every(names => names.length === 3) ? true : null));
    expect(owned()).toEqual([partitionsOf(one, 3), partitionsOf(two, 3)]);
  });
});

describe.skipIf(!kafka.available)('two services of one group', () => {
  const isReading = ({ msg }: { readonly msg: string }): boolean => msg === 'requests are read';

  test('each read their own control topic', async () => {
    const group = kafka.uniqueTopic('group');
    const places = [await ControlPlace.make(kafka, 2), await ControlPlace.make(kafka, 2)];
    const services = places.map(place => place.start('--kafka-group', group));
    for (const service of services) await service.line(isReading);
    for (const place of places) {
      const statuses = await StatusReader.open(place);
      const ids = Array.from({ length: 6 }, (_, at) => `request-${at}`);
      await place.ask(...ids.map(id => exportRequest(id)));
      for (const id of ids) expect((await statuses.ended(id)).rows).toMatchObject({ services: 3 });
    }
    for (const service of services) expect(await service.stop()).toMatchObject({ code: 0 });
  });

  test('with one control topic: the one without a partition is not ready, and its status says why', async () => {
    const group = kafka.uniqueTopic('group');
    const places = [await ControlPlace.make(kafka), await ControlPlace.make(kafka)];
    const control = places[0]!.topics.control;
    const services = places.map(place => place.start('--kafka-group', group, '--control-topic', control));
    for (const service of services) await service.line(isReading);
    const reasons = await waitFor('one to be without', async () => {
      const found = (await Promise.all(services.map(reasonsOf))).flat();
      return found.some(reason => reason.includes('is assigned to this process')) ? found : null;
    });
    expect(reasons).toContain(`no partition of the control topic ${control} is assigned to this process`);
  });

  async function reasonsOf(service: RunningService): Promise<readonly string[]> {
    const answer = await fetch(`${await service.url()}/status`);
    return ((await answer.json()) as { readonly not_ready: readonly string[] }).not_ready;
  }
});
