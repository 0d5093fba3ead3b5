import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort, waitFor } from '../../../ops/local-kafka/waiting.ts';
import { lineOf, newToken } from '../../../ops/service/access.ts';
import { type Readiness, unreadiness } from '../../../ops/service/readiness.ts';
import type { Status } from '../../../ops/service/status.ts';
import { Service } from '../../support/service.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

test('the address of an unreachable broker is shown to operators only', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const token = newToken();
  const broker = `127.0.0.1:${await freePort()}`;
  const service = new Service({
    folder: path.join(folder.path, 'service'),
    brokers: [broker],
    topic: 'calls',
    group: 'group',
    env: { TIDEMARK_HTTP_TOKENS: lineOf('admin', 'operator', token) },
  });
  const { url } = await service.line('the service is up');
  const details = await waitFor('the broker to be named', async () => {
    const answer = await fetch(`${url}/status`, { headers: { authorization: `Bearer ${token}` } });
    const { not_ready: reasons = [] } = (await answer.json()) as Status;
    return reasons.some(reason => reason.includes(broker)) ? reasons : null;
  });
  expect(details).toHaveLength(1);
  for (const headers of [{}, { authorization: 'Bearer guessed' }]) {
    const answer = await fetch(`${url}/readyz`, { headers });
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { ready: false, reasons: ['the source of events is not reached yet'] },
    ]);
  }
});

describe('a problem', () => {
  const assigned = () => [{ partition: { topic: 'calls', partition: 0 }, at: 0 }];
  const fine: Readiness = {
    source: { name: () => 'Kafka', problem: () => null, assigned },
    watchProblem: null,
    registryProblem: null,
    rootProblem: null,
    held: [],
    others: [],
  };
  const secret = 'kafka-1.internal:9092 answers: no';

  test('that does not exist is not reported', () => {
    expect(unreadiness(fine)).toEqual([]);
  });

  test.each<[string, Partial<Readiness>, string]>([
    [
      'of a source that was never reached',
      { source: { name: () => null, problem: () => secret, assigned: () => [] } },
      secret,
    ],
    ['of the source', { source: { name: () => 'Kafka', problem: () => secret, assigned } }, secret],
    ['of requesting the end of the log', { watchProblem: secret }, secret],
    ['of the export root', { rootProblem: secret }, secret],
    ['of the registry', { registryProblem: secret }, secret],
    [
      'of records that do not fit',
      { held: [{ partition: { topic: 'calls', partition: 3 }, held: secret }] },
      `the records of calls/3 wait: ${secret}`,
    ],
    ['of the control topic', { others: [{ general: 'requests are not read', detail: secret }] }, secret],
    [
      'of the assignment',
      { source: { name: () => 'Kafka', problem: () => null, assigned: () => [] } },
      'no partition is assigned to this process',
    ],
  ])('%s is shown to everyone in general words', (_, problem, told) => {
    const [found, ...more] = unreadiness({ ...fine, ...problem });
    expect([found?.detail, more]).toEqual([told, []]);
    expect(found?.general).toMatch(/^[a-z ]{10,}$/);
  });
});
