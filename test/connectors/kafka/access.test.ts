import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { accountOf, GuardedBroker, longestSessionMs, type Right } from '../../support/kafka/guarded-broker.ts';
import { canStartBroker } from '../../support/kafka/own-servers.ts';
import { Service } from '../../support/service.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const group = 'loaders';
const toTopic: readonly Right[] = ['TOPIC READ', 'TOPIC DESCRIBE_CONFIGS'];

/** Who may what, and what is then missed: READ includes DESCRIBE. */
const lacking: readonly (readonly [
  user: string,
  ofTopic: readonly Right[],
  ofGroup: readonly Right[],
  says: RegExp,
])[] = [
  ['nothing', [], [], /look at topic \S*events at.*we lack the right DESCRIBE on topic \S*events /],
  [
    'describe',
    ['TOPIC DESCRIBE'],
    ['GROUP READ'],
    /settings of topic \S*events at.*we lack the right DESCRIBE_CONFIGS on topic \S*events /,
  ],
  ['no_group', toTopic, [], /member of group loaders at.*we lack the right READ on group loaders /],
  ['see_group', toTopic, ['GROUP DESCRIBE'], /member of group loaders at.*we lack the right READ on group loaders /],
  [
    'no_read',
    ['TOPIC DESCRIBE', 'TOPIC DESCRIBE_CONFIGS'],
    ['GROUP READ'],
    /member of group loaders at.*we lack the right READ on topic \S*events /,
  ],
];

describe.skipIf(!(await canStartBroker()))('a cluster that asks who may what', () => {
  let guarded: GuardedBroker;
  let topic: string;
  beforeAll(async () => {
    guarded = await GuardedBroker.start([...lacking.map(([user]) => user), 'reader', 'eternal', 'mute'], afterAll);
    topic = await guarded.cluster.createTopic('events');
    const value = '{"event":"service.started","service_id":"s","timestamp":"2026-01-01T00:00:00Z"}';
    await guarded.cluster.produce(topic, [{ key: 's', value }]);
  });

  async function serviceOf(user: string, ...flags: readonly string[]): Promise<Service> {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const account = accountOf(user);
    const all = [...account.flags, ...flags];
    return new Service({ folder: folder.path, brokers: [guarded.address], topic, group, env: account.env, flags: all });
  }

  test.each(lacking)(
    'ends a service of %s, with topic or group and what is missing',
    async (user, ofTopic, ofGroup, says) => {
      if (ofTopic.length > 0) await guarded.allow(user, ofTopic, topic);
      if (ofGroup.length > 0) await guarded.allow(user, ofGroup, group);
      const { code, stderr } = await (await serviceOf(user)).ended;
      expect(stderr).toMatch(says);
      expect(stderr).toMatch(/\[SOURCE_REFUSED\]/);
      expect(code).toBe(77);
    },
  );

  test('lets in whom it allows to read topic and group, and a right that is taken away ends it', async () => {
    await guarded.allow('reader', toTopic, topic);
    await guarded.allow('reader', ['GROUP READ'], group);
    const service = await serviceOf('reader');
    await service.reachesOffsets([{ partition: 0, high: 1 }]);
    await guarded.forbid('reader', 'TOPIC READ', topic);
    expect(await service.ended).toMatchObject({
      code: 77,
      stderr: expect.stringMatching(/we lack the right (READ|DESCRIBE) on topic \S*events .*\[SOURCE_REFUSED\]/),
    });
  });

  test('ends a service whose session is longer than the broker allows, and names the setting', async () => {
    await guarded.allow('eternal', toTopic, topic);
    await guarded.allow('eternal', ['GROUP READ'], group);
    const service = await serviceOf('eternal', '--kafka-session-timeout-ms', String(longestSessionMs + 1));
    expect(await service.ended).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(
        /kafka_session_timeout_ms lies outside of what the broker allows.*\[CONFIG_INVALID\]/,
      ),
    });
  });

  test('ends a service that may not write what becomes of requests', async () => {
    const control = await guarded.cluster.createTopic('requests');
    const statuses = await guarded.cluster.createTopic('statuses');
    await guarded.allow('mute', toTopic, topic);
    await guarded.allow('mute', toTopic, control);
    await guarded.allow('mute', ['TOPIC DESCRIBE_CONFIGS', 'TOPIC DESCRIBE'], statuses);
    await guarded.allow('mute', ['GROUP READ'], group);
    await guarded.allow('mute', ['GROUP READ'], `${group}-${control}`);
    await guarded.cluster.produce(control, [
      { key: 'r', value: '{"action":"export","file_prefix":"x","time_from":"2026-01-01T00:00:00Z"}' },
    ]);
    const service = await serviceOf('mute', '--control-topic', control, '--status-topic', statuses);
    expect(await service.ended).toMatchObject({
      code: 77,
      stderr: expect.stringMatching(/publish statuses on topic \S*statuses at.*right WRITE on topic \S*statuses /),
    });
  });
});
