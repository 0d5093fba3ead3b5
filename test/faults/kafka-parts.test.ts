import { describe, expect, test } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { tidemarkHere } from '../support/in-process.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import {
  clockLateness,
  exportOf,
  many,
  partitionsOf,
  passed,
  reportOf,
  servicesIn,
  started,
} from '../support/kafka/windows.ts';
import { Service, servingOf } from '../support/service.ts';

const kafka = await sharedKafka();

describe.skipIf(!kafka.available)('a service that reads a part of the partitions', () => {
  test('two members of a group are each a part, and neither says complete (contract 4.26, 5.21)', async () => {
    const topic = await kafka.createTopic('parts', { partitions: 4 });
    const serving = await servingOf(kafka, topic, ...clockLateness, '--export-wait-ms', '2000');
    const members = ['one', 'two'].map(name => new Service({ ...serving, folder: `${serving.folder}/${name}` }));
    for (const member of members)
      await member.reaches('half of the partitions', status => status.unread_partitions === 2);
    const from = new Date();
    await kafka.produce(topic, many(200, 'call'));
    const to = new Date();
    await passed(to);
    const reports = await Promise.all(members.map(member => exportOf(member, 'part', { from, to })));
    expect(reports.reduce((sum, report) => sum + (servicesIn(report) ?? 0), 0)).toBe(200);
    for (const [at, report] of reports.entries()) {
      expect(report.completeness, `member ${at}`).toBe('provisional');
      expect(report.manifest?.reasons).toHaveLength(2);
      for (const reason of report.manifest?.reasons ?? []) expect(reason).toContain('this process does not read it');
      expect(await members[at]!.line(/^this process reads 2 of 4 partitions: exports stay provisional/)).toMatchObject({
        level: 'warn',
        unread: 2,
      });
      expect(await members[at]!.metrics()).toContain('tidemark_unread_partitions 2\n');
    }
    const listed = (await partitionsOf(members[0]!)).filter(({ partition }) => partition !== null);
    expect(listed.map(({ kind }) => kind).toSorted()).toEqual(['live', 'live', 'not read', 'not read']);

    // One that is read cannot be ended; the two others can, and then this member speaks for all there is.
    const read = listed.find(({ kind }) => kind === 'live')!;
    const refused = await tidemarkHere(['partitions', 'end', `${topic}/${read.partition}`, '--db', members[0]!.db]);
    expect(refused).toMatchObject({ code: 65, stderr: expect.stringContaining('[PARTITION_READ]') });
    for (const { partition } of listed.filter(({ kind }) => kind === 'not read')) {
      const ended = await tidemarkHere(['partitions', 'end', `${topic}/${partition}`, '--db', members[0]!.db]);
      expect(ended, ended.stderr).toMatchObject({ code: 0 });
    }
    expect(await exportOf(members[0]!, 'ended', { from, to })).toMatchObject({ completeness: 'complete' });

    // When the other member leaves, its partitions come here and are live again, also those that were ended by hand.
    await members[1]!.stop();
    await waitFor('all partitions to be live', async () =>
      (await partitionsOf(members[0]!)).every(({ kind }) => kind === 'live') ? true : null,
    );
    const whole = await exportOf(members[0]!, 'whole', { from, to, wait: 'complete' });
    expect([whole.completeness, servicesIn(whole)]).toEqual(['complete', 200]);
    expect(await reportOf(members[0]!, 'ended'), 'what came since contradicts it').toMatchObject({
      changed_since: { topic, services: expect.any(Number) },
    });
  });

  test('a declared part is complete for itself, and says which part it is (contract 4.26)', async () => {
    const topic = await kafka.createTopic('declared', { partitions: 3 });
    const from = new Date();
    await kafka.produce(
      topic,
      [0, 1, 2].map(partition => ({ ...started(`call-${partition}`), partition })),
    );
    const to = new Date();
    await passed(to);
    const service = new Service(await servingOf(kafka, topic, ...clockLateness, '--kafka-partitions', '0,2'));
    const report = await exportOf(service, 'part', { from, to, wait: 'complete' });
    expect([report.completeness, servicesIn(report)]).toEqual(['complete', 2]);
    expect(report.manifest?.topics).toEqual([{ topic, declared: [0, 2], partitions: 3, ended_by_hand: null }]);
    expect(
      await service.line('no member of the group has these partitions in its kafka_partitions, so nobody reads them'),
    ).toMatchObject({ level: 'warn', topic, partitions: [1] });
    expect(await service.status()).toMatchObject({ unread_partitions: 0 });
  });

  test('a declaration for files changes nothing for a live topic, and a topic taken out stays until it is ended (contract 4.26, 4.28)', async () => {
    const [kept, dropped] = [await kafka.createTopic('kept'), await kafka.createTopic('dropped')];
    const from = new Date();
    await kafka.produce(dropped, [started('call')]);
    const to = new Date();
    await passed(to);
    const serving = await servingOf(kafka, `${kept},${dropped}`, ...clockLateness);
    const both = new Service(serving);
    expect(await exportOf(both, 'both', { from, to, wait: 'complete' })).toMatchObject({ completeness: 'complete' });
    await both.stop();
    const declared = await tidemarkHere(['ingest', '--covers-until', to.toISOString(), '--db', both.db]);
    expect(declared.stderr).toContain(`covers-until changes nothing for ${kept}/0, which has not ended`);

    const one = new Service({ ...serving, topic: kept });
    await one.reaches('its partition', ({ partitions }) =>
      partitions.some(({ topic, lag_records }) => topic === kept && lag_records === 0),
    );
    const later = new Date();
    await passed(later);
    const lacking = await exportOf(one, 'lacking', { from, to: later });
    expect(lacking.manifest).toMatchObject({
      status: 'provisional',
      reasons: [expect.stringMatching(new RegExp(`^${dropped}/0: watermark .*this process does not read it`))],
    });
    expect(await exportOf(one, 'old', { from, to }), 'what it vouched for stays').toMatchObject({
      completeness: 'complete',
    });
    expect(await tidemarkHere(['partitions', 'end', `${dropped}/0`, '--db', one.db])).toMatchObject({ code: 0 });
    expect(await exportOf(one, 'ended', { from, to: later })).toMatchObject({ completeness: 'complete' });
  });
});
