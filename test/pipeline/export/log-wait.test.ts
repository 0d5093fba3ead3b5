import { beforeEach, describe, expect, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { type LogView, lookAt, waitForLog } from '../../../pipeline/export/log-wait.ts';
import type { ExportRecord } from '../../../pipeline/export/request.ts';
import type { LogEnd, StoredPosition } from '../../../pipeline/ports.ts';

const acceptedAt = Date.parse('2026-03-02T10:00:00Z');
const partition = { topic: 'calls', partition: 0 };

/** A log and a clock that move only when the wait lets time pass: each pause is a step of the story. */
class Story implements LogView {
  now = acceptedAt;
  high = 10;
  stored = 0;
  watermark: number | null = null;
  isAway = false;
  /** What happens at each pause, one after the other. */
  steps: (() => void)[] = [];
  readonly pauses: number[] = [];

  async ends(): Promise<readonly LogEnd[]> {
    if (this.isAway) throw new TidemarkError('SOURCE_UNREACHABLE', 'it is away');
    return [{ partition, low: 0, high: this.high }];
  }

  positions(): readonly StoredPosition[] {
    return [{ partition, origin: 'test', nextOffset: this.stored, bookmark: null, watermark: this.watermark }];
  }

  nextBatch(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  pause = async (milliseconds: number): Promise<void> => {
    this.pauses.push(milliseconds);
    this.now += milliseconds;
    this.steps.shift()?.();
  };
}

let story: Story;
beforeEach(() => {
  story = new Story();
});

async function wait(
  how: 'end' | 'complete' | 'none',
  more: { timeTo?: number; lookFailed?: boolean } = {},
  signal?: AbortSignal,
) {
  const clock = { now: () => story.now };
  const { ends } = await lookAt(story, clock);
  const plan = { parameters: { wait: how }, timeTo: more.timeTo ?? acceptedAt, ends: more.lookFailed ? null : ends };
  // Nothing else of a request is looked at.
  const record = { acceptedAt, plan } as unknown as ExportRecord;
  const waiting = { log: story, clock, waitMs: 2_000, allowedLatenessMs: 0, pause: story.pause };
  return waitForLog(record, waiting, signal ?? new AbortController().signal);
}

describe('wait=end, the default (contract 4.22)', () => {
  test('ends at once when all records that the log held are stored', async () => {
    story.stored = 10;
    expect(await wait('end')).toMatchObject({ timedOut: null, seen: { at: acceptedAt, ends: [{ high: 10 }] } });
    expect(story.pauses).toEqual([]);
  });

  test('waits for the records that the log held at acceptance, however it grows', async () => {
    story.steps = [
      () => {
        story.high = 1_000;
        story.stored = 9;
      },
      () => {
        story.stored = 10;
      },
    ];
    expect(await wait('end')).toMatchObject({ timedOut: null, seen: { ends: [{ high: 10 }] } });
    expect(story.pauses).toHaveLength(2);
  });

  test('ends at the time limit and names what is missing', async () => {
    expect(await wait('end')).toMatchObject({ timedOut: 'waited 2000 ms without success for calls/0 up to 10' });
    expect(story.now).toBe(acceptedAt + 2_000);
  });

  test('asks a log that did not answer until it answers, and then waits for its records', async () => {
    story.isAway = true;
    story.steps = [
      () => undefined,
      () => {
        story.isAway = false;
      },
      () => {
        story.stored = 10;
      },
    ];
    const seen = { at: acceptedAt + 1_000, ends: [{ partition, low: 0, high: 10 }] };
    expect(await wait('end')).toEqual({ timedOut: null, seen });
    expect(story.pauses).toHaveLength(3);
  });

  test('ends at the time limit when the log never answers', async () => {
    story.isAway = true;
    expect(await wait('end')).toMatchObject({
      timedOut: 'waited 2000 ms without success for a look at the log',
      seen: { ends: null, lookFailed: true },
    });
    expect(story.now).toBe(acceptedAt + 2_000);
  });

  test('ends with the batch that stores the last record, not at the next look', async () => {
    story.nextBatch = async () => {
      story.stored = 10;
    };
    story.pause = () => new Promise(() => undefined);
    expect(await wait('end')).toMatchObject({ timedOut: null });
  });
});

describe('wait=complete (contract 4.22)', () => {
  const timeTo = acceptedAt + 1_000;

  test('waits until the clock has passed the window and all is stored', async () => {
    story.stored = 10;
    const { seen, timedOut } = await wait('complete', { timeTo });
    expect([timedOut, seen.at]).toEqual([null, timeTo]);
  });

  test('ends when the watermark has passed the window', async () => {
    story.stored = 10;
    story.steps = [
      () => {
        story.watermark = timeTo;
      },
    ];
    expect((await wait('complete', { timeTo })).timedOut).toBeNull();
    expect(story.pauses).toHaveLength(1);
  });

  test('ends at the time limit', async () => {
    story.stored = 10;
    expect((await wait('complete', { timeTo: acceptedAt + 1e9 })).timedOut).toMatch(
      /^waited 2000 ms without success for the window to be complete/,
    );
  });

  test('first waits for the records that the log held, within the same time limit', async () => {
    const { timedOut } = await wait('complete', { timeTo });
    expect(timedOut).toContain('calls/0 up to 10');
    expect(story.now).toBe(acceptedAt + 2_000);
  });

  test('asks again when the log does not answer for a while', async () => {
    story.isAway = true;
    story.stored = 10;
    story.steps = [
      () => undefined,
      () => {
        story.isAway = false;
      },
    ];
    expect((await wait('complete', { timeTo, lookFailed: true })).timedOut).toBeNull();
  });
});

test('wait=none reports a log that did not answer', async () => {
  story.isAway = true;
  expect(await wait('none')).toMatchObject({ timedOut: null, seen: { ends: null, lookFailed: true } });
});

test('wait=none waits for nothing (contract 4.22)', async () => {
  expect(await wait('none')).toMatchObject({ timedOut: null, seen: { ends: [{ high: 10 }] } });
  expect(story.pauses).toEqual([]);
});

test('an aborted wait throws the reason', async () => {
  const controller = new AbortController();
  story.steps = [() => controller.abort(new TidemarkError('CANCELLED', 'by somebody'))];
  await expect(wait('end', {}, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
});

test.each(['end', 'complete'] as const)('an aborted wait=%s does not wait for a log that never answers', async how => {
  const controller = new AbortController();
  let looks = 0;
  story.ends = async () => {
    looks += 1;
    if (looks === 1) throw new TidemarkError('SOURCE_UNREACHABLE', 'it is away');
    queueMicrotask(() => controller.abort(new TidemarkError('CANCELLED', 'by somebody')));
    return new Promise(() => undefined);
  };
  await expect(wait(how, {}, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('an error that waiting does not mend is thrown', async () => {
  story.ends = async () => {
    throw new TidemarkError('SOURCE_CHANGED', 'it was made anew');
  };
  await expect(wait('end')).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
});
