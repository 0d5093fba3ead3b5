import { describe, expect, test } from 'vitest';
import { complete, provisional, world } from './scripted.ts';

describe('histories that other rules judged wrong: files (contract 4.24, 4.25)', () => {
  test('an ingest that dies between two files has not given the second', async () => {
    const files = await world({ partitions: 0 });
    await files.write(1, { time: 20, service: 's11' });
    await files.write(0, { time: 12 });
    await files.ingest([2, 1], { records: 1 });
    expect(await files.ask(10, 16)).toMatchObject({ status: 'provisional' });
    await files.ingest([2, 1]);
    expect(await files.ask(10, 16)).toMatchObject({ ...complete, files: [{ rows: 1 }] });
  });

  test('a line of the year 2099 vouches for nothing', async () => {
    const files = await world({ partitions: 0 });
    await files.write(0, { time: 20 });
    await files.write(0, { time: 2099, service: 's11' });
    await files.ingest([1]);
    expect(await files.ask(18, 20)).toMatchObject(complete);
    expect(await files.ask(18, 22)).toMatchObject({ status: 'provisional' });
  });

  test('a log folder that ends in an open transaction is not read to its end', async () => {
    const folder = await world({ partitions: 0 });
    await folder.produce(3, { time: 20 });
    await folder.produce(3, { time: 15, service: 'open', inTransaction: true });
    await folder.ingest([0]);
    expect(await folder.ask(12, 18)).toMatchObject(provisional('ingest has not read it to its end'));
    await folder.do({ op: 'end transaction', partition: 3, producer: 1, commits: true });
    await folder.ingest([0]);
    expect(await folder.ask(12, 18)).toMatchObject({ ...complete, files: [{ rows: 1 }] });
  });

  test('a service of two files is whole, and one of a file and a partition is split (contract 2.9)', async () => {
    const both = await world();
    await both.write(0, { time: 20 });
    await both.write(1, { time: 20, event: 'service.completed' });
    await both.ingest([1, 2]);
    await both.at(30);
    expect(await both.ask(19, 22)).toMatchObject(complete);
    await both.produce(0, { time: 30, service: 's10', event: 'state.started' });
    await both.store(0);
    await both.at(40);
    const reason = '1 of the services have events from more than one log';
    expect(await both.ask(19, 22)).toMatchObject({ status: 'provisional', reasons: [reason] });
  });

  test('the list of readings keeps the order in which files were read in turns (contract 2.17)', async () => {
    const files = await world({ partitions: 0 });
    await files.write(0, { time: 20 });
    await files.ingest([1]);
    await files.write(1, { time: 20, event: 'service.deleted' });
    await files.ingest([2]);
    await files.write(0, { time: 20 });
    await files.ingest([1]);
    expect(files.readings).toEqual(['file-0 0 to 1', 'file-1 0 to 1', 'file-0 1 to 2']);
    expect(await files.ask(19, 21)).toMatchObject({ files: [{ rows: 1 }] });
  });
});

describe('histories that other rules judged wrong: losses (contract 4.31, 4.32, 4.33)', () => {
  test('a partition whose beginning is gone knows nothing while nothing is stored', async () => {
    const calls = await world({ isLooked: false, assigned: [] });
    await calls.produce(0, { time: 20 });
    await calls.do({ op: 'retention', partition: 0, records: 1 });
    await calls.do({ op: 'assign', partitions: [0], isDeclared: false });
    await calls.at(30);
    expect(await calls.ask(18, 22)).toMatchObject(provisional('its first reading began at 1'));
  });

  test('records that retention took before they were read are a gap', async () => {
    const calls = await world();
    await calls.produce(0, { time: 20 });
    await calls.store(0);
    await calls.at(22);
    await calls.produce(0, { time: 22, service: 'lost' });
    await calls.do({ op: 'retention', partition: 0, records: 2 });
    await calls.at(25);
    await calls.produce(0, { time: 25 });
    await calls.store(0);
    await calls.at(30);
    await calls.look();
    expect(await calls.ask(21, 24)).toMatchObject(provisional('1 offsets from 1 on were lost'));
    expect(await calls.ask(26, 28)).toMatchObject(complete);
  });

  test('a window that begins at the time of the first record after a loss may lack an event', async () => {
    const calls = await world({ isLooked: false, assigned: [] });
    await calls.produce(0, { time: 20, service: 'lost' });
    await calls.produce(0, { time: 20, recordTime: 20 });
    await calls.do({ op: 'retention', partition: 0, records: 1 });
    await calls.do({ op: 'assign', partitions: [0], isDeclared: false });
    await calls.store(0);
    await calls.at(40);
    expect(await calls.ask(20, 28)).toMatchObject(provisional('its first reading began at 1'));
    expect(await calls.ask(21, 28)).toMatchObject(complete);
  });

  test('a log that was cut below what was stored vouches no longer', async () => {
    const calls = await world();
    await calls.produce(0, { time: 20 });
    await calls.store(0);
    await calls.at(23);
    await calls.look();
    await calls.do({ op: 'cut', partition: 0, records: 1 });
    await calls.look();
    await calls.produce(0, { time: 23, service: 'in its place' });
    await calls.store(0);
    await calls.at(30);
    expect(await calls.ask(23, 25)).toMatchObject(provisional('it ends at 0, below the stored offset 1'));
    expect(await calls.ask(19, 22), 'what it had vouched for before').toMatchObject(complete);
  });
});

describe('histories that other rules judged wrong: contradictions (contract 4.29)', () => {
  test('a late start that is stored between the snapshot and the verdict leaves its mark', async () => {
    const calls = await world();
    await calls.at(30);
    await calls.request(18, 22);
    await calls.do({ op: 'step', export: 0 });
    await calls.produce(0, { time: 20, service: 'late' });
    await calls.store(0);
    await calls.do({ op: 'record', export: 0 });
    const changedSince = { topic: 'calls', partition: 0, offset: 0, services: 1 };
    expect(await calls.newest()).toMatchObject({ status: 'complete', changedSince });
  });
});
