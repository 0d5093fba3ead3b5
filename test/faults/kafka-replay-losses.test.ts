import { access } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { replayingFromKafka } from '../support/kafka/replaying.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { many, started } from '../support/kafka/windows.ts';
import { Service, servingOf } from '../support/service.ts';
import { tidemarkKilled } from '../support/tidemark.ts';

const kafka = await sharedKafka();
const { attempt, pathOf, verify, exported, reading, replayed, planned, manifestIn, loseRecordsBefore } =
  replayingFromKafka(kafka);

describe.skipIf(!kafka.available)('a replay from a Kafka that no longer holds all', () => {
  test('what Kafka deleted is named before it is read, and is a gap where that is allowed', async () => {
    const topic = await kafka.createTopic('lost');
    await kafka.produce(topic, many(10, 'a'));
    await loseRecordsBefore(topic, 4);
    const refused = await attempt('replay', '--into', 'x.duckdb', ...reading(topic));
    const lost = `${topic}/0: the log no longer holds the offsets from 0 on and below 4`;
    expect(refused).toMatchObject({ code: 65, stderr: expect.stringContaining(lost) });
    await expect(access(pathOf('x.duckdb')), 'nothing is made').rejects.toThrow();
    expect(await planned(...reading(topic))).toMatchObject({ losses: [lost], partitions: [{ from: 0, until: 10 }] });
    const allowed = await attempt('replay', '--into', 'x.duckdb', '--allow-gaps', ...reading(topic));
    const gap = `${topic}/0: 4 records from offset 0 on were lost`;
    expect(allowed).toMatchObject({ code: 0, stderr: expect.stringContaining(gap) });
    const manifest = await exported('--db', 'x.duckdb');
    expect(await manifestIn(manifest)).toMatchObject({
      rows_from: { allow_gaps: true },
      partitions: [{ first_offset: 0, next_offset: 10, gaps: [{ from: 0, to: 4 }] }],
    });
    expect(await verify(manifest, ...reading(topic))).toMatchObject({ answers: ['verified'] });
    await loseRecordsBefore(topic, 6);
    const { answers, details } = await verify(manifest, ...reading(topic));
    expect(answers).toEqual(['cannot be rebuilt']);
    expect(details.join()).toContain('no longer holds');
  });

  test('of which all was deleted ends with a gap, or says what is lost, and waits for nothing', async () => {
    const topic = await kafka.createTopic('emptied');
    await kafka.produce(topic, many(5, 'a'));
    await replayed('--into', 'x.duckdb', ...reading(topic));
    const manifest = await exported('--db', 'x.duckdb');
    await loseRecordsBefore(topic, 5);
    await replayed('--into', 'y.duckdb', '--allow-gaps', ...reading(topic));
    expect(await manifestIn(await exported('--db', 'y.duckdb'))).toMatchObject({
      status: 'provisional',
      partitions: [{ next_offset: 5, gaps: [{ from: 0, to: 5 }] }],
    });
    expect(await verify(manifest, ...reading(topic))).toMatchObject({ answers: ['cannot be rebuilt'] });
  });

  test('a topic that was made anew with the same records is verified; with others it is not, and a replay up to the manifest is refused', async () => {
    const topic = await kafka.createTopic('anew');
    const records = many(5, 'a').map((record, at) => ({ ...record, timestamp: String(1_772_323_200_000 + at) }));
    await kafka.produce(topic, records);
    await replayed('--into', 'x.duckdb', ...reading(topic));
    const manifest = await exported('--db', 'x.duckdb');
    const again = async (anew: typeof records) => {
      await kafka.withAdmin(admin => admin.deleteTopics({ topics: [topic] }));
      await kafka.createNamed(topic);
      await kafka.produce(topic, anew);
    };
    await again(records);
    expect(await verify(manifest, ...reading(topic))).toMatchObject({ answers: ['verified'] });
    const until = ['--into', 'y.duckdb', '--until', `manifest:${manifest}`];
    const refused = await attempt('replay', ...until, ...reading(topic));
    expect(refused).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(/was made anew: .* from 0 on and below 5/),
    });
    await replayed(...until, '--allow-gaps', ...reading(topic));
    const { status, reasons } = await manifestIn(await exported('--db', 'y.duckdb'));
    expect([status, reasons.join()]).toEqual(['provisional', expect.stringContaining('may hold other records')]);
    await again(
      [...records.slice(0, 4), started('other')].map((record, at) => ({
        ...record,
        timestamp: String(1_772_323_200_000 + at),
      })),
    );
    expect(await verify(manifest, ...reading(topic))).toMatchObject({ answers: ['log differs'] });
    await again(records.slice(0, 3));
    expect(await verify(manifest, ...reading(topic))).toMatchObject({ answers: ['cannot be rebuilt'] });
  });

  test('goes on after a kill although records were deleted that it has stored', async () => {
    const topic = await kafka.createTopic('resumed', { partitions: 2 });
    const inPartition = (partition: number, count: number) =>
      many(count, `p${partition}`).map(record => ({ ...record, partition }));
    await kafka.produce(topic, [...inPartition(0, 3_000), ...inPartition(1, 5)]);
    const args = ['--into', pathOf('x.duckdb'), ...reading(topic), '--batch-records', '20'];
    for (
      let afterMs = 1_000;
      !(await access(pathOf('x.duckdb')).then(
        () => true,
        () => false,
      ));
      afterMs += 500
    )
      await tidemarkKilled(['replay', ...args], afterMs);
    await kafka.produce(topic, inPartition(1, 5));
    await loseRecordsBefore(topic, 8, 1);
    const { code, stderr } = await attempt('replay', ...args);
    // Where the kill came before the second partition was stored, its records are lost.
    if (code !== 0) {
      expect(stderr).toContain(`${topic}/1`);
      return;
    }
    const { partitions } = await manifestIn(await exported('--db', 'x.duckdb'));
    const ends = partitions.map(
      (of: { partition: number; next_offset: number }) => `${of.partition}: ${of.next_offset}`,
    );
    expect(ends.toSorted()).toEqual(['0: 3000', '1: 5']);
  });

  test('is the same replay only with the same topics, and takes no database of a service (contract 5.24)', async () => {
    const [one, other] = [await kafka.createTopic('one'), await kafka.createTopic('other')];
    for (const topic of [one, other]) await kafka.produce(topic, [started(topic)]);
    await replayed('--into', 'x.duckdb', ...reading(one));
    const conflict = await attempt('replay', '--into', 'x.duckdb', ...reading(`${one},${other}`));
    expect(conflict).toMatchObject({ code: 65, stderr: expect.stringContaining('REQUEST_CONFLICT') });
    const empty = await kafka.createTopic('empty');
    const service = new Service(await servingOf(kafka, empty));
    await service.reaches('a look', ({ partitions }) => partitions[0]?.log_end === 0);
    expect(await service.stop()).toMatchObject({ code: 0 });
    const live = await attempt('replay', '--into', service.db, ...reading(one));
    expect(live).toMatchObject({ code: 65, stderr: expect.stringContaining('REQUEST_CONFLICT') });
  });

  test('that begins behind the records of a window is never complete for it (contract 4.31)', async () => {
    const topic = await kafka.createTopic('late');
    await kafka.produce(topic, many(3, 'a'));
    await replayed('--into', 'x.duckdb', '--from', 'now', ...reading(topic));
    const { status, reasons } = await manifestIn(await exported('--db', 'x.duckdb'));
    expect(status).toBe('provisional');
    expect(reasons).toContain(`${topic}/0: the replay begins at offset 3, and nothing from there on is stored`);
  });
});
