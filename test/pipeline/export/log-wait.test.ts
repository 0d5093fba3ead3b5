import { beforeEach, describe, expect, test } from 'vitest';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { withoutLog } from '../../../pipeline/export/log-wait.ts';
import { liveSource } from '../../support/event-sources.ts';
import { Story, waitAs } from '../../support/waiting-log.ts';

const acceptedAt = Date.parse('2026-03-02T10:00:00Z');
const partition = { topic: 'calls', partition: 0 };

let story: Story;
beforeEach(() => {
  story = new Story(acceptedAt);
});

const ownLook = (high = 10, at = acceptedAt) => ({
  from: 'own look',
  at,
  ends: [{ partition, low: 0, stable: high, high }],
});

describe('wait=end, the default (contract 4.22)', () => {
  test('ends at once when all records that the log held are stored', async () => {
    story.stored = 10;
    expect(await waitAs(story, 'end')).toMatchObject({ timedOut: null, ends: ownLook() });
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
    expect(await waitAs(story, 'end')).toMatchObject({ timedOut: null, ends: ownLook() });
    expect(story.pauses).toHaveLength(2);
  });

  test('the log is looked at once, so that the answer is the one that the verdict uses', async () => {
    story.stored = 9;
    await waitAs(story, 'end');
    expect(story.looks).toBe(1);
  });

  test('waits for records behind an open transaction, because the log holds them', async () => {
    story.stable = 7;
    story.stored = 9;
    expect((await waitAs(story, 'end')).timedOut).toBe('waited 2000 ms without success for calls/0 up to 10');
  });

  test.each([
    ['vouches for the window exactly, and is stored up to its last stable offset', acceptedAt, 7, null],
    ['vouches for a millisecond less', acceptedAt - 1, 7, expect.any(String)],
    ['is not stored up to its last stable offset', acceptedAt, 6, expect.any(String)],
  ])('behind an open transaction: the partition %s', async (_, vouchedAt, stored, timedOut) => {
    Object.assign(story, { stable: 7, vouchedAt, stored });
    expect((await waitAs(story, 'end')).timedOut).toEqual(timedOut);
  });

  test('counts the lateness as the verdict does', async () => {
    Object.assign(story, { stable: 7, stored: 7, vouchedAt: acceptedAt + 4_999 });
    expect((await waitAs(story, 'end', { latenessMs: 5_000, timeTo: acceptedAt })).timedOut).not.toBeNull();
    story.vouchedAt = acceptedAt + 5_000;
    expect((await waitAs(story, 'end', { latenessMs: 5_000, timeTo: acceptedAt })).timedOut).toBeNull();
  });

  test('does not wait for partitions that another process reads', async () => {
    story.stored = 10;
    story.others = [liveSource(1, { assignedAt: null, nextOffset: 0 })];
    const look = story.look.bind(story);
    story.look = async () => {
      const seen = await look();
      return {
        ...seen,
        ends: [...seen.ends, { partition: { topic: 'calls', partition: 1 }, low: 0, stable: 99, high: 99 }],
      };
    };
    expect((await waitAs(story, 'end')).timedOut).toBeNull();
    expect(story.pauses).toEqual([]);
  });

  test('waits while no partition is assigned, because nothing is known to be stored', async () => {
    story.stored = 10;
    story.isAssigned = false;
    story.steps = [
      () => undefined,
      () => {
        story.isAssigned = true;
      },
    ];
    expect((await waitAs(story, 'end')).timedOut).toBeNull();
    expect(story.pauses).toHaveLength(2);
  });

  test('ends at the time limit and names what is missing', async () => {
    expect(await waitAs(story, 'end')).toMatchObject({
      timedOut: 'waited 2000 ms without success for calls/0 up to 10',
      ends: ownLook(),
    });
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
    expect(await waitAs(story, 'end')).toMatchObject({ timedOut: null, ends: ownLook(10, acceptedAt + 1_000) });
    expect(story.pauses).toHaveLength(3);
  });

  test('ends at the time limit when the log never answers', async () => {
    story.isAway = true;
    expect(await waitAs(story, 'end')).toMatchObject({
      timedOut: 'waited 2000 ms without success for a look at the log',
      ends: { from: 'no answer' },
    });
    expect(story.now).toBe(acceptedAt + 2_000);
  });

  test('ends with the batch that stores the last record, not at the next look', async () => {
    story.nextBatch = async () => {
      story.stored = 10;
    };
    story.pause = () => new Promise(() => undefined);
    expect(await waitAs(story, 'end')).toMatchObject({ timedOut: null });
  });
});

test.each([
  ['', false],
  [', also when the log does not answer', true],
])('wait=none waits for nothing and rests on the last look (contract 4.22)%s', async (_, isAway) => {
  story.isAway = isAway;
  expect(await waitAs(story, 'none')).toMatchObject({ timedOut: null, ends: { from: 'latest look' } });
  expect(story.pauses).toEqual([]);
});

test('an export without a running service rests on the last look that is recorded (contract 4.22)', async () => {
  expect(await withoutLog.lookAtLog()).toBeNull();
  expect(await withoutLog.wait()).toEqual({ ends: { from: 'latest look' }, sources: null, timedOut: null });
});

test('the sources are those at the end of the wait, so that what they vouch for is in the snapshot', async () => {
  story.steps = [
    () => {
      story.stored = 10;
    },
  ];
  const { sources } = await waitAs(story, 'end');
  story.stored = 99;
  expect(sources?.partitions.get('calls/0')?.nextOffset).toBe(10);
});

test('an aborted wait throws the reason', async () => {
  const controller = new AbortController();
  story.steps = [() => controller.abort(new TidemarkError('CANCELLED', 'by somebody'))];
  await expect(waitAs(story, 'end', {}, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
});

test.each(['end', 'complete'] as const)('an aborted wait=%s does not wait for a log that never answers', async how => {
  const controller = new AbortController();
  let looks = 0;
  story.look = async () => {
    looks += 1;
    if (looks === 1) throw new TidemarkError('SOURCE_UNREACHABLE', 'it is away');
    queueMicrotask(() => controller.abort(new TidemarkError('CANCELLED', 'by somebody')));
    return new Promise(() => undefined);
  };
  await expect(waitAs(story, how, {}, controller.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('an error that waiting does not mend is thrown', async () => {
  story.look = async () => {
    throw new TidemarkError('SOURCE_CHANGED', 'it was made anew');
  };
  await expect(waitAs(story, 'end')).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
});
