import { vi } from 'vitest';
import { LogWatch } from '../../ops/service/log-watch.ts';
import type { Look } from '../../pipeline/completeness/changes.ts';
import type { LogEnd } from '../../pipeline/ports.ts';
import { followedTopic, liveSource, sourcesOf } from './event-sources.ts';
import { LogLines } from './kafka/reading.ts';
import { NotedSources } from './noted-sources.ts';

export const endOf = (partition: number, high: number, stable = high): LogEnd => ({
  partition: { topic: 'calls', partition },
  ...{ low: 0, stable, high },
});

/** A log of some partitions, of which this process reads the assigned ones. */
export class Followed {
  now: number;
  ends: readonly LogEnd[] = [endOf(0, 10)];
  assignedNumbers: readonly number[] = [0];
  called = 0;
  commits = 0;
  commit = async (): Promise<void> => {
    this.commits += 1;
  };
  /** What happens while the log answers. */
  answering: () => void = () => undefined;
  sourceProblem: string | null = null;
  isConnected = true;
  readonly warehouse: NotedSources;
  readonly lines = new LogLines();
  readonly stop = new AbortController();
  readonly watch: LogWatch;

  constructor(now: number) {
    this.now = now;
    this.warehouse = new NotedSources(sourcesOf([liveSource(0)], { topics: [followedTopic()] }));
    this.watch = new LogWatch({
      source: {
        look: () => this.look(),
        assigned: () => this.assignedNumbers.map(partition => ({ partition: { topic: 'calls', partition }, at: 0 })),
        commit: () => this.commit(),
        name: () => (this.isConnected ? 'a log' : null),
        problem: () => this.sourceProblem,
      },
      warehouse: this.warehouse,
      clock: { now: () => this.now },
      log: this.lines,
      signal: this.stop.signal,
    });
  }

  async look(): Promise<Omit<Look, 'at'>> {
    this.called += 1;
    const { ends } = this;
    this.answering();
    return { ends, topics: new Map([['calls', ends.length]]) };
  }

  source(partition: number) {
    return this.warehouse.sources().partitions.get(`calls/${partition}`);
  }

  /** Lets the watch look once more, after time has passed. */
  async next(afterMs = 5_000): Promise<void> {
    this.now += afterMs;
    await vi.advanceTimersByTimeAsync(5_000);
  }
}
