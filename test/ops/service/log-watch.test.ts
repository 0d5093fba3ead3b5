import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { watermarkOf } from '../../../pipeline/completeness/sources.ts';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { afterBatch } from '../../support/event-sources.ts';
import { endOf, Followed } from '../../support/followed-log.ts';

const began = Date.parse('2026-03-01T10:00:00Z');
let followed: Followed;
let running: Promise<void> = Promise.resolve();

beforeEach(() => {
  vi.useFakeTimers();
  followed = new Followed(began);
});
afterEach(async () => {
  followed.stop.abort();
  await running;
  running = Promise.resolve();
  vi.useRealTimers();
});

async function start(): Promise<void> {
  running = followed.watch.run();
  await vi.advanceTimersByTimeAsync(0);
}

describe('a look (contract 4.23)', () => {
  test('has the clock of the moment before the ends were asked for', async () => {
    followed.answering = () => {
      followed.now += 5_000;
    };
    expect(await followed.watch.look()).toMatchObject({ at: began, ends: [endOf(0, 10)] });
    expect(followed.source(0)).toMatchObject({ vouchedAt: began, look: { at: began, stable: 10, high: 10 } });
  });

  test('counts only once the end that it found is stored', async () => {
    followed.ends = [endOf(0, 15)];
    await followed.watch.look();
    expect(followed.source(0)?.vouchedAt).toBeNull();
    followed.warehouse.note(sources => afterBatch(sources));
    expect(followed.source(0)?.vouchedAt).toBe(began);
  });

  test('a record that is stored while the ends are asked for makes no end lie below what is stored', async () => {
    followed.answering = () => followed.warehouse.note(sources => afterBatch(sources));
    await followed.watch.look();
    expect(followed.source(0)).toMatchObject({ nextOffset: 15, changed: null, vouchedAt: began });
  });

  test('asks for partitions that this process does not read, whose watermarks stay', async () => {
    followed.ends = [endOf(0, 10), endOf(1, 0)];
    await followed.watch.look();
    expect(followed.source(1)).toMatchObject({ isListed: true, assignedAt: null, vouchedAt: null, look: { high: 0 } });
    expect(followed.warehouse.sources().topics).toMatchObject([{ partitions: 2, listedAt: began }]);
  });

  test('a partition that is taken away keeps its watermark', async () => {
    await followed.watch.look();
    followed.assignedNumbers = [];
    followed.now += 60_000;
    await followed.watch.look();
    expect(watermarkOf(followed.source(0)!, { allowedMs: 0, clockMs: 0 })).toBe(began);
  });

  test('follows the one before it, and all that ask meanwhile share the next', async () => {
    let answer = (): void => undefined;
    const answered = new Promise<void>(resolve => {
      answer = resolve;
    });
    const look = followed.look.bind(followed);
    followed.look = async () => {
      const found = await look();
      if (followed.called === 1) await answered;
      return found;
    };
    const first = followed.watch.look();
    await vi.advanceTimersByTimeAsync(0);
    const others = [followed.watch.look(), followed.watch.look(), followed.watch.look()];
    await vi.advanceTimersByTimeAsync(0);
    expect(followed.called, 'the second look waits for the first').toBe(1);
    followed.now += 1_000;
    answer();
    expect((await first).at).toBe(began);
    expect((await Promise.all(others)).map(({ at }) => at)).toEqual(Array(3).fill(began + 1_000));
    expect(followed.called).toBe(2);
  });

  test('is made after one that failed', async () => {
    const look = followed.look.bind(followed);
    followed.look = async () => {
      followed.look = look;
      throw new TidemarkError('SOURCE_UNREACHABLE', 'it is away');
    };
    await expect(followed.watch.look()).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    expect(await followed.watch.look()).toMatchObject({ at: began });
  });
});

describe('the look of an export (contract 4.22)', () => {
  test('is made at once when the log answered the last time', async () => {
    await start();
    followed.now += 500;
    expect(await followed.watch.lookForExport()).toMatchObject({ at: began + 500 });
  });

  test('is not made while the log is known not to answer', async () => {
    followed.look = async () => {
      throw new TidemarkError('SOURCE_UNREACHABLE', 'it is away');
    };
    await start();
    const asked = vi.spyOn(followed, 'look');
    await expect(followed.watch.lookForExport()).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: 'it is away',
    });
    expect(asked).not.toHaveBeenCalled();
  });

  test('is not made before the source is connected, and says why it is not', async () => {
    Object.assign(followed, { isConnected: false, sourceProblem: 'the broker is starting' });
    await expect(followed.watch.lookForExport()).rejects.toMatchObject({ message: 'the broker is starting' });
    expect(followed.called).toBe(0);
  });
});

describe('what looks find is recorded (contract 4.21)', () => {
  test('at the first assignment, then once a minute, though no batch comes', async () => {
    await start();
    expect(followed.warehouse.records).toBe(1);
    for (let look = 0; look < 11; look += 1) await followed.next();
    expect(followed.warehouse.records).toBe(1);
    await followed.next();
    expect(followed.warehouse.records).toBe(2);
    expect(followed.warehouse.recorded.partitions.get('calls/0')?.vouchedAt).toBe(began + 60_000);
  });

  test('at once when a partition was taken away or given', async () => {
    await start();
    followed.assignedNumbers = [];
    await followed.next();
    followed.assignedNumbers = [0];
    await followed.next();
    await followed.next();
    expect(followed.warehouse.records).toBe(3);
  });
});

describe('a warning', () => {
  const warnings = () => followed.lines.lines.filter(({ level }) => level === 'warn');

  test('says once at each assignment which partitions are not read (contract 4.26)', async () => {
    followed.ends = [endOf(0, 10), endOf(1, 5), endOf(2, 5)];
    await start();
    await followed.next();
    expect(warnings()).toEqual([
      {
        level: 'warn',
        facts: { unread: 2, partitions: ['calls/1', 'calls/2'] },
        sentence: expect.stringMatching(/^this process reads 1 of 3 partitions: exports stay provisional/),
      },
    ]);
    followed.assignedNumbers = [0, 1];
    await followed.next();
    expect(warnings().map(({ facts }) => facts)).toEqual([expect.anything(), { unread: 1, partitions: ['calls/2'] }]);
  });

  test('is not given when all partitions are read, or none is yet', async () => {
    followed.assignedNumbers = [];
    await start();
    followed.assignedNumbers = [0];
    await followed.next();
    expect(warnings()).toEqual([]);
  });

  test('says once that a transaction has been open for a minute, and again of the next', async () => {
    followed.ends = [endOf(0, 15, 10)];
    await start();
    await followed.next(59_999);
    expect(warnings()).toEqual([]);
    await followed.next(1);
    await followed.next();
    const facts = { topic: 'calls', partition: 0, from_offset: 10, to_offset: 15 };
    expect(warnings()).toEqual([{ level: 'warn', facts, sentence: expect.stringContaining('open transaction') }]);
    followed.ends = [endOf(0, 20, 12)];
    await followed.next();
    await followed.next(60_000);
    expect(warnings()).toHaveLength(2);
  });
});

test('after a failed commit the stored positions are committed again', async () => {
  const commit = vi.fn().mockRejectedValueOnce(new Error('the coordinator moves')).mockResolvedValue(undefined);
  followed.commit = commit;
  await start();
  await followed.next();
  expect(commit, 'one commit at each look').toHaveBeenCalledTimes(2);
});

test('an error that waiting does not mend, such as that of a recreated topic, ends the watch', async () => {
  followed.look = async () => {
    throw new TidemarkError('SOURCE_CHANGED', 'it was made anew');
  };
  await expect(followed.watch.run()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
});
