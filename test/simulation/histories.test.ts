import { describe, expect, test } from 'vitest';
import { complete, provisional, world } from './scripted.ts';

describe('histories that other rules judged wrong: looks and waits (contract 4.20, 4.22, 4.23)', () => {
  test('a partition that always has a backlog of three is complete: the export is judged by its own look', async () => {
    const calls = await world();
    for (let tick = 21; tick < 28; tick += 1) {
      await calls.at(tick);
      await calls.produce(0, { time: tick });
      if (tick > 23) await calls.store(0, 1);
      await calls.look();
    }
    await calls.request(18, 24, 'complete');
    // All that the look of the export found is stored, while the log goes on to grow.
    for (let tick = 28; tick < 31; tick += 1) {
      await calls.at(tick);
      await calls.produce(0, { time: tick });
      await calls.look();
      await calls.store(0, 1);
    }
    expect(await calls.end()).toMatchObject(complete);
  });

  test('an event of a clock that is ahead vouches for nothing', async () => {
    const calls = await world({ allowedLatenessMs: 4 });
    await calls.produce(0, { time: 36, service: 'ahead' });
    await calls.store(0);
    await calls.look();
    await calls.at(21);
    expect(await calls.ask(16, 20)).toMatchObject({ status: 'provisional' });
    await calls.produce(0, { time: 19, service: 'on time' });
    await calls.at(25);
    await calls.store(0);
    expect(await calls.ask(16, 20)).toMatchObject({ ...complete, files: [{ rows: 1 }] });
  });

  test('what comes while the ends are being asked for does not count: the clock is read before', async () => {
    const calls = await world();
    await calls.at(30);
    await calls.do({ op: 'look' }, { op: 'step look' });
    await calls.produce(0, { time: 29 });
    await calls.at(33);
    await calls.do({ op: 'step look' });
    expect(await calls.ask(25, 30, 'none')).toMatchObject({ status: 'provisional' });
    await calls.store(0);
  });

  test('a record behind an open transaction is waited for, and readers of committed records get it', async () => {
    const calls = await world();
    await calls.produce(0, { time: 20, service: 'checkpointed', inTransaction: true });
    await calls.at(21);
    await calls.produce(0, { time: 16, service: 'behind' });
    await calls.at(30);
    expect(await calls.ask(15, 21)).toMatchObject({ status: 'provisional' });
    await calls.do({ op: 'end transaction', partition: 0, producer: 1, commits: true });
    await calls.request(15, 21);
    await calls.store(0);
    expect(await calls.end()).toMatchObject({ ...complete, files: [{ rows: 2 }] });
  });

  test('aborted records and markers at the beginning are no loss', async () => {
    const calls = await world({ isLooked: false });
    await calls.produce(0, { time: 20, inTransaction: true });
    await calls.do({ op: 'end transaction', partition: 0, producer: 1, commits: false });
    await calls.produce(0, { time: 20 });
    await calls.store(0);
    await calls.at(25);
    expect(await calls.ask(18, 22)).toMatchObject({ ...complete, files: [{ rows: 1 }] });
  });
});

describe('histories that other rules judged wrong: who must vouch (contract 4.26)', () => {
  test('a listed partition that the group has given to nobody is waited for, a declaration changes nothing', async () => {
    const calls = await world({ assigned: [] });
    await calls.write(0, { time: 20 });
    await calls.ingest([1], { coversUntil: 20 });
    expect(await calls.ask(15, 19, 'none')).toMatchObject({ status: 'provisional' });
  });

  test('a topic that no look has listed yet is waited for', async () => {
    const calls = await world({ isLooked: false, assigned: [] });
    await calls.at(25);
    await calls.write(0, { time: 22 });
    await calls.ingest([1], { coversUntil: 23 });
    expect(await calls.ask(18, 23, 'none')).toMatchObject(provisional('its partitions have not been listed yet'));
  });

  test('a look asks for partitions that another member reads', async () => {
    const calls = await world({ partitions: 2 });
    await calls.look();
    await calls.do({ op: 'assign', partitions: [1], isDeclared: false });
    await calls.produce(0, { time: 18 });
    await calls.at(30);
    const reason = /calls\/0: .*this process does not read it; 1 of its records are not stored/;
    const asked = await calls.ask(9, 20);
    expect(asked).toMatchObject({ status: 'provisional', reasons: [expect.stringMatching(reason)] });
  });

  test('the partitions of a topic that is configured no longer stay where they were', async () => {
    const calls = await world({ endsByHand: true });
    await calls.produce(0, { time: 20 });
    await calls.store(0);
    await calls.at(25);
    await calls.look();
    await calls.unfollow();
    expect(await calls.ask(18, 22, 'none')).toMatchObject(complete);
    await calls.at(40);
    expect(await calls.ask(18, 30, 'none')).toMatchObject({ status: 'provisional' });
  });

  test('a topic whose declared part changed is looked at anew', async () => {
    const calls = await world({ partitions: 2 });
    await calls.do({ op: 'assign', partitions: [1], isDeclared: true });
    await calls.produce(0, { time: 20 });
    await calls.at(30);
    await calls.look();
    expect(await calls.ask(18, 22, 'none'), 'a declared part is complete for itself').toMatchObject(complete);
    await calls.do({ op: 'assign', partitions: [], isDeclared: false });
    expect(await calls.ask(18, 22, 'none')).toMatchObject(provisional('its partitions have not been listed yet'));
  });
});
