import { beforeEach, describe, expect, test } from 'vitest';
import { liveSource } from '../../support/event-sources.ts';
import { Story, waitAs } from '../../support/waiting-log.ts';

const acceptedAt = Date.parse('2026-03-02T10:00:00Z');
let story: Story;
beforeEach(() => {
  story = new Story(acceptedAt);
});

describe('wait=complete (contract 4.22)', () => {
  const timeTo = acceptedAt + 1_000;

  test('ends when a look after the window is stored', async () => {
    story.stored = 10;
    story.steps = [
      () => {
        story.vouchedAt = timeTo - 1;
      },
      () => {
        story.vouchedAt = timeTo;
      },
    ];
    expect((await waitAs(story, 'complete', { timeTo })).timedOut).toBeNull();
    expect(story.pauses).toHaveLength(2);
  });

  test('ends at once when the window is complete', async () => {
    Object.assign(story, { stored: 10, vouchedAt: timeTo });
    expect(await waitAs(story, 'complete', { timeTo })).toMatchObject({
      timedOut: null,
      ends: { from: 'own look', at: acceptedAt },
    });
    expect(story.pauses).toEqual([]);
  });

  test('waits for what the own look found, also when an older look vouches', async () => {
    Object.assign(story, { stored: 9, vouchedAt: timeTo });
    story.steps = [
      () => {
        story.stored = 10;
      },
    ];
    expect((await waitAs(story, 'complete', { timeTo })).timedOut).toBeNull();
    expect(story.pauses).toHaveLength(1);
  });

  test('waits for partitions that another process reads', async () => {
    Object.assign(story, { stored: 10, vouchedAt: timeTo });
    story.others = [liveSource(1, { assignedAt: null })];
    expect((await waitAs(story, 'complete', { timeTo })).timedOut).toMatch(/for the window to be complete$/);
  });

  test('ends at the time limit', async () => {
    story.stored = 10;
    expect((await waitAs(story, 'complete', { timeTo: acceptedAt + 1e9 })).timedOut).toMatch(
      /^waited 2000 ms without success for the window to be complete/,
    );
  });

  test('names the records that are not stored when its time is over', async () => {
    const { timedOut } = await waitAs(story, 'complete', { timeTo });
    expect(timedOut).toContain('calls/0 up to 10');
    expect(story.now).toBe(acceptedAt + 2_000);
  });

  test('asks again when the log does not answer for a while', async () => {
    story.isAway = true;
    Object.assign(story, { stored: 10, vouchedAt: timeTo });
    story.steps = [
      () => undefined,
      () => {
        story.isAway = false;
      },
    ];
    expect((await waitAs(story, 'complete', { timeTo, lookFailed: true })).timedOut).toBeNull();
    expect(story.pauses).toHaveLength(2);
  });
});
