import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { planReplay, refuseLosses } from '../../../ops/replay/planning.ts';
import type { FoundTime, LogLook, LogPart, ReplayLog } from '../../../ops/replay/replay-log.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const hour = 3_600_000;
const looked = Date.parse('2026-03-10T00:00:00Z');
const lateness = { allowedMs: 0, clockMs: 1_000 };

function part(partition: number, ends: Partial<LogPart['ends'] & object>, more: Partial<LogPart> = {}): LogPart {
  const known = { shown: `calls/${partition}`, kind: 'live', bytes: null, topicId: null, isCompacted: false } as const;
  return {
    ...known,
    partition: { topic: 'calls', partition },
    ends: { low: 0, stable: 10, high: 10, ...ends },
    ...more,
  };
}

interface Given extends Partial<LogLook> {
  readonly times?: readonly Partial<FoundTime>[];
  readonly from?: string;
  readonly until?: string;
  readonly allowGaps?: boolean;
}

/** The plan of a log that answers as given. */
function planOf({ times = [], from = 'beginning', until = 'now', allowGaps = false, ...look }: Given) {
  const notices: string[] = [];
  const log: ReplayLog = {
    together: targets => [targets],
    async *open() {},
    look: async () => ({ at: looked, declared: [], parts: [part(0, {})], ...look }),
    findTimes: async parts =>
      new Map(parts.map(({ shown }, at) => [shown, { offset: null, backMs: 0, latest: null, ...times[at] }])),
    close: async () => undefined,
  };
  const asked = { from, until, paths: ['kafka_topics=calls'], allowGaps };
  const signal = new AbortController().signal;
  return planReplay(asked, log, { lateness, skewMs: 0, waitMs: 0, signal, notice: text => notices.push(text) });
}

const watermarkOf = async (given: Given) => (await planOf(given)).replay.watermark;
const until = (ms: number) => new Date(ms).toISOString();

describe('the time up to which a replay has all events', () => {
  test('is never later than the look at Kafka, whatever time was asked for', async () => {
    expect(await watermarkOf({})).toBe(looked - 1_000);
    expect(await watermarkOf({ until: until(looked + 100 * hour), times: [{ latest: looked + 100 * hour }] })).toBe(
      looked - 1_000,
    );
    expect(await watermarkOf({ until: until(looked - hour), times: [{ offset: 5 }] })).toBe(looked - hour - 1_000);
  });

  test('of a log without a clock ends with its last record, where none is as late as the time that was asked for', async () => {
    const parts = [part(0, {}), part(1, {})];
    const asked = { at: null, parts, until: until(looked) };
    expect(await watermarkOf({ ...asked, times: [{ latest: looked - 3 * hour }, { latest: looked - 5 * hour }] })).toBe(
      looked - 3 * hour - 1_000,
    );
    expect(await watermarkOf({ ...asked, times: [{ offset: 3, latest: looked }, {}] })).toBe(looked - 1_000);
    expect(await watermarkOf({ ...asked, times: [{}, {}] })).toBeNull();
  });

  test('is earlier where record times run backwards', async () => {
    const times = [{ offset: 3, backMs: 8 * hour, latest: looked }];
    const { replay, notes } = await planOf({ until: until(looked - hour), times });
    expect(replay.watermark).toBe(looked - 9 * hour - 1_000);
    expect(notes).toHaveLength(1);
  });
});

describe('places that contradict the log or each other are refused', () => {
  test.each([
    ['calls/0=11', 'now', /--from names offset 11 of calls\/0; its log ends at 10/],
    ['beginning', 'calls/0=11', /--until names offset 11 of calls\/0; its log ends at 10/],
    ['calls/0=7', 'calls/0=5', /--from begins at offset 7 of calls\/0, behind --until, which is 5/],
    ['now', 'beginning', /--from begins at offset 10 of calls\/0, behind --until, which is 0/],
    [until(looked), until(looked - hour), /--from is a time that is not before that of --until/],
  ])('--from %s --until %s', async (from, to, message) => {
    await expect(planOf({ from, until: to })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(message),
    });
  });
});

describe('what the log lacks', () => {
  const lacksOf = async (given: Given) => (await planOf(given)).replay.targets[0]?.lacks ?? [];

  test('is a gap where records lie behind it, and is told by every manifest where none does', async () => {
    const gap = await planOf({ parts: [part(0, { low: 4 })] });
    expect(gap.losses).toEqual(['calls/0: the log no longer holds the offsets from 0 on and below 4']);
    expect(() => refuseLosses(gap)).toThrow(/--allow-gaps/);
    expect(await lacksOf({ parts: [part(0, { low: 4 })], allowGaps: true })).toEqual([]);
    expect(await lacksOf({ parts: [part(0, { low: 10 })], allowGaps: true })).toHaveLength(1);
    expect(await lacksOf({ parts: [part(0, {}, { isCompacted: true })], allowGaps: true })).toEqual([
      'its topic is compacted: any of the offsets from 0 on and below 10 may be gone',
    ]);
    expect(await lacksOf({ parts: [part(0, { stable: 6 })] })).toEqual([
      'an open transaction hid offsets 6 to 9 from the replay',
    ]);
  });

  async function manifest(status: string, partitions: readonly object[], topics: readonly object[]): Promise<string> {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const file = path.join(folder.path, 'manifest.json');
    const window = { time_from: until(looked - 2 * hour), time_to: until(looked - hour) };
    const files = ['services', 'states', 'tasks'].map(kind => {
      return { name: kind, kind, rows: 0, bytes: 0, sha256: 'x', packed_bytes: 0, packed_sha256: 'x' };
    });
    const told = partitions.map((each, partition) => {
      return { topic: 'calls', partition, kind: 'live', first_offset: 0, gaps: [], watermark: until(looked), ...each };
    });
    const filters = { filter_events: 'any', filter_state: 'any' };
    const versions = { contract: 2, projection: 2 };
    const form = { ...window, file_prefix: 'x_' };
    await writeFile(
      file,
      JSON.stringify({
        request: form,
        window,
        filters,
        status,
        partitions: told,
        readings: [],
        topics,
        files,
        versions,
      }),
    );
    return `manifest:${file}`;
  }

  test('of a manifest: gaps that it names are none, new ones are', async () => {
    const gaps = [{ from: 0, to: 2, reason: 'deleted' }];
    const place = await manifest('complete', [{ next_offset: 10, gaps }], []);
    const lossesOf = async (low: number) => (await planOf({ until: place, parts: [part(0, { low })] })).losses;
    expect(await lossesOf(2)).toEqual([]);
    expect(await lossesOf(7)).toEqual(['calls/0: the log no longer holds the offsets from 2 on and below 7']);
    const short = await planOf({ until: place, parts: [part(0, { high: 4, stable: 4 })], allowGaps: true });
    expect(short.replay.targets).toMatchObject([{ until: 4, lacks: ['the log ends at offset 4, not at 10'] }]);
  });

  test('a manifest vouches beyond its own window only where it lists all partitions of its topics', async () => {
    const topics = (partitions: number) => [{ topic: 'calls', declared: null, partitions }];
    const ofManifest = async (...given: Parameters<typeof manifest>) =>
      (await planOf({ until: await manifest(...given) })).replay.watermark;
    expect(await ofManifest('provisional', [{ next_offset: 10 }], topics(1))).toBe(looked);
    expect(await ofManifest('provisional', [{ next_offset: 10 }], topics(2))).toBeNull();
    expect(await ofManifest('complete', [{ next_offset: 10 }], topics(2))).toBe(looked - hour);
    expect(await ofManifest('provisional', [{ next_offset: 10 }], [])).toBeNull();
  });
});
