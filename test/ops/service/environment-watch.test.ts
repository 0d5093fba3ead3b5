import { expect, onTestFinished, test, vi } from 'vitest';
import type { TopicFinding } from '../../../connectors/kafka/topics/topic-checks.ts';
import { EnvironmentWatch } from '../../../ops/service/environment-watch.ts';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { LogLines } from '../../support/kafka/reading.ts';

const compacted: TopicFinding = {
  ...{ topic: 'calls', kind: 'compacted', weight: 'refuse' },
  sentence: 'topic calls is compacted',
};
const brief: TopicFinding = { topic: 'asked', kind: 'short_retention', weight: 'warn', sentence: 'asked is brief' };

test('what is found while the service runs makes it unready, is logged once, and a check that fails stops nothing', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const away = new TidemarkError('SOURCE_UNREACHABLE', 'no broker answers');
  const answers = [[brief], [brief, compacted], away, [compacted], []];
  const log = new LogLines();
  const reported: (readonly Pick<TopicFinding, 'topic' | 'kind'>[])[] = [];
  const stop = new AbortController();
  const watch = new EnvironmentWatch({
    config: { kafka_topics: ['calls'] },
    source: {
      async check() {
        const answer = answers.shift() ?? [];
        if (answer instanceof TidemarkError) throw answer;
        return { findings: answer, failures: [] };
      },
    },
    registry: null,
    log,
    signal: stop.signal,
    metrics: { setFindings: findings => reported.push(findings) },
  });
  const running = watch.run();
  const problems: (readonly string[])[] = [];
  for (let minute = 0; minute < 5; minute += 1) {
    await vi.advanceTimersByTimeAsync(minute === 0 ? 0 : 60_000);
    problems.push(watch.problems.map(({ general, detail }) => `${general}: ${detail}`));
  }
  stop.abort();
  await running;
  const unfit = ['a topic is compacted: topic calls is compacted'];
  expect(problems).toEqual([[], unfit, unfit, unfit, []]);
  expect(reported).toEqual([[brief], [brief, compacted], [compacted], []]);
  expect(log.lines.map(({ sentence }) => sentence)).toEqual([
    'asked is brief',
    'topic calls is compacted',
    'no broker answers',
  ]);
});
