import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { tidemarkHere } from '../../support/in-process.ts';
import { accountOf, GuardedBroker, longestSessionMs, type Right } from '../../support/kafka/guarded-broker.ts';
import { canStartBroker } from '../../support/kafka/own-servers.ts';
import { Service } from '../../support/service.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { tidemark } from '../../support/tidemark.ts';

const group = 'loaders';
const toTopic: readonly Right[] = ['TOPIC READ', 'TOPIC DESCRIBE_CONFIGS'];

/** Users, their rights on topic and group, and the error that names the missing right. READ includes DESCRIBE. */
const usersLackingRights: readonly (readonly [
  user: string,
  ofTopic: readonly Right[],
  ofGroup: readonly Right[],
  message: RegExp,
])[] = [
  ['nothing', [], [], /look at topic \S*events at.*Tidemark lacks the right DESCRIBE on topic \S*events /],
  [
    'describe',
    ['TOPIC DESCRIBE'],
    ['GROUP READ'],
    /settings of topic \S*events at.*Tidemark lacks the right DESCRIBE_CONFIGS on topic \S*events /,
  ],
  ['no_group', toTopic, [], /member of group loaders at.*Tidemark lacks the right READ on group loaders /],
  [
    'see_group',
    toTopic,
    ['GROUP DESCRIBE'],
    /member of group loaders at.*Tidemark lacks the right READ on group loaders /,
  ],
  [
    'no_read',
    ['TOPIC DESCRIBE', 'TOPIC DESCRIBE_CONFIGS'],
    ['GROUP READ'],
    /member of group loaders at.*Tidemark lacks the right READ on topic \S*events /,
  ],
];

describe.skipIf(!(await canStartBroker()))('a cluster with access control', () => {
  let guarded: GuardedBroker;
  let topic: string;
  beforeAll(async () => {
    guarded = await GuardedBroker.start(
      [...usersLackingRights.map(([user]) => user), 'reader', 'replayer', 'eternal', 'mute'],
      afterAll,
    );
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

  test.each(usersLackingRights)(
    'stops a service of user %s, and the error names the missing right with its topic or group',
    async (user, ofTopic, ofGroup, message) => {
      if (ofTopic.length > 0) await guarded.allow(user, ofTopic, topic);
      if (ofGroup.length > 0) await guarded.allow(user, ofGroup, group);
      const { code, stderr } = await (await serviceOf(user)).ended;
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/\[SOURCE_REFUSED\]/);
      expect(code).toBe(77);
    },
  );

  test('admits a user who may read topic and group, and stops the service when a right is revoked', async () => {
    await guarded.allow('reader', toTopic, topic);
    await guarded.allow('reader', ['GROUP READ'], group);
    const service = await serviceOf('reader');
    await service.reachesOffsets([{ partition: 0, high: 1 }]);
    await guarded.forbid('reader', 'TOPIC READ', topic);
    expect(await service.ended).toMatchObject({
      code: 77,
      stderr: expect.stringMatching(/Tidemark lacks the right (READ|DESCRIBE) on topic \S*events .*\[SOURCE_REFUSED\]/),
    });
  });

  test('admits a replay of a user who may read the topic, and groups that begin with the name of the group', async () => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const { env } = accountOf('replayer');
    const replay = () =>
      tidemark(
        [
          ...['replay', '--into', path.join(folder.path, 'again.duckdb'), '--json'],
          ...['--kafka-brokers', guarded.address, '--kafka-topics', topic, '--kafka-group', group],
        ],
        { env: { ...env, TIDEMARK_KAFKA_SASL_MECHANISM: 'plain', TIDEMARK_KAFKA_SASL_USERNAME: 'replayer' } },
      );
    await guarded.allow('replayer', ['TOPIC READ'], topic);
    await guarded.allow('replayer', ['GROUP READ'], group);
    expect(await replay(), 'the live group only').toMatchObject({
      code: 77,
      stderr: expect.stringMatching(/lacks the right READ on group loaders-replay-[0-9a-f]{8} /),
    });
    await guarded.allow('replayer', ['GROUP READ'], `${group}-replay-`, 'PREFIXED');
    const { code, stdout } = await replay();
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ records_read: 1 })]);
  });

  test('stops a service whose session timeout is longer than the broker allows, and the error names the setting', async () => {
    await guarded.allow('eternal', toTopic, topic);
    await guarded.allow('eternal', ['GROUP READ'], group);
    const service = await serviceOf('eternal', '--kafka-session-timeout-ms', String(longestSessionMs + 1));
    expect(await service.ended).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(
        /kafka_session_timeout_ms is outside the range that the broker allows.*\[CONFIG_INVALID\]/,
      ),
    });
  });

  test('stops a service that may not write to its status topic', async () => {
    const control = await guarded.cluster.createTopic('requests');
    const statuses = await guarded.cluster.createTopic('statuses');
    await guarded.allow('mute', toTopic, topic);
    await guarded.allow('mute', toTopic, control);
    await guarded.allow('mute', ['TOPIC DESCRIBE_CONFIGS', 'TOPIC DESCRIBE'], statuses);
    await guarded.allow('mute', ['GROUP READ'], group);
    await guarded.allow('mute', ['GROUP READ'], `${group}-${control}`);
    const env = {
      ...accountOf('mute').env,
      TIDEMARK_KAFKA_BROKERS: guarded.address,
      TIDEMARK_KAFKA_TOPICS: topic,
      TIDEMARK_KAFKA_SASL_MECHANISM: 'plain',
      TIDEMARK_KAFKA_SASL_USERNAME: 'mute',
      TIDEMARK_CONTROL_TOPIC: control,
      TIDEMARK_STATUS_TOPIC: statuses,
    };
    const checked = await tidemarkHere(['config', 'check', '--connect'], { env });
    expect(checked).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/the right WRITE on topic \S*statuses is missing; grant it with: kafka-acls.sh /),
    });
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
