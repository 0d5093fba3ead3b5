import { describe, expect, test } from 'vitest';
import { freePort } from '../../ops/local-kafka/waiting.ts';
import { tidemarkHere } from '../support/in-process.ts';
import { sharedKafka } from '../support/kafka/shared.ts';

const kafka = await sharedKafka();
const checked = (topics: string, env: Readonly<Record<string, string>> = {}, ...flags: readonly string[]) =>
  tidemarkHere(['config', 'check', ...flags], {
    env: { TIDEMARK_KAFKA_BROKERS: kafka.brokers.join(','), TIDEMARK_KAFKA_TOPICS: topics, ...env },
  });

describe.skipIf(!kafka.available)('config check --connect', () => {
  test('shows the settings and what will lose events', async () => {
    const topic = await kafka.createTopic('brief', { config: { 'retention.ms': '3600000' } });
    const answer = await checked(topic, { TIDEMARK_KAFKA_REPLAY_HORIZON_HOURS: '48' }, '--connect', '--json');
    expect(answer.code).toBe(0);
    const { settings, warnings } = JSON.parse(answer.stdout);
    expect(settings).toContainEqual({ name: 'kafka_topics', value: [topic], place: 'TIDEMARK_KAFKA_TOPICS' });
    expect(warnings).toEqual([expect.stringContaining('less than the 48 h of kafka_replay_horizon_hours')]);
  });

  test('ends as run does: a compacted topic of events, a missing one, no broker, no registry', async () => {
    const compacted = await kafka.createTopic('compacted', { config: { 'cleanup.policy': 'compact' } });
    const plain = await kafka.createTopic('plain');
    const nowhere = `127.0.0.1:${await freePort()}`;
    const cases = [
      [compacted, {}, 78, /cleanup\.policy=delete \[TOPIC_UNFIT\]/],
      ['nowhere-to-be-found', {}, 78, /no such topic.*\[TOPIC_UNFIT\]/],
      [plain, { TIDEMARK_KAFKA_BROKERS: nowhere }, 69, new RegExp(`${nowhere}.*\\[SOURCE_UNREACHABLE\\]`)],
      [plain, { TIDEMARK_REGISTRY_URL: `http://${nowhere}` }, 69, /\[REGISTRY_UNREACHABLE\]/],
    ] as const;
    for (const [topic, env, code, says] of cases) {
      const answer = await checked(topic, env, '--connect');
      expect([answer.code, answer.stdout], answer.stderr).toEqual([code, '']);
      expect(answer.stderr).toMatch(says);
    }
  });

  test('without --connect no connection is opened', async () => {
    const env = { TIDEMARK_KAFKA_BROKERS: `127.0.0.1:${await freePort()}` };
    expect(await checked('nowhere-to-be-found', env)).toMatchObject({ code: 0 });
  });
});
