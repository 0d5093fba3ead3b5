import { CompressionTypes } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { sharedKafka } from '../support/kafka/shared.ts';
import { clockLateness, exportOf, passed, servicesIn, started } from '../support/kafka/windows.ts';
import { Service, servingOf } from '../support/service.ts';
import { queryDatabase } from '../support/tables.ts';

const kafka = await sharedKafka();

/** Records of spaces, in one batch. */
const spaces = (records: number, bytes: number) =>
  Array.from({ length: records }, (_, at) => ({ key: `k${at}`, value: Buffer.alloc(bytes, ' ') }));

const stored = (db: string, sql: string) => queryDatabase(db, query => query(sql));

describe.skipIf(!kafka.available)('a batch that cannot be unpacked', () => {
  test('of 300 kB that unpack to 300 MB ends the service, which names it; with the policy skip it is a gap (contract 2.18, 4.32)', async () => {
    const topic = await kafka.createTopic('unpackable');
    const from = new Date();
    await kafka.produce(topic, [started('a'), started('b')]);
    await kafka.produce(topic, spaces(3, 100 << 20), CompressionTypes.GZIP);
    const place = await servingOf(kafka, topic, ...clockLateness, '--skew-ms', '100');

    for (const start of ['first', 'second']) {
      const { code, stderr } = await new Service(place).ended;
      expect(code, `${start} start`).toBe(65);
      expect(stderr).toMatch(
        new RegExp(
          `${topic}/0: the record batch at offset 2 cannot be unpacked: it unpacks to 3145728\\d\\d bytes, which is more than ` +
            'max_unpacked_bytes \\(268435456\\); to continue after offset 4, set kafka_on_damaged_batch to skip, or give a new replay --allow-gaps \\[SOURCE_CORRUPT\\]',
        ),
      );
    }

    const service = new Service({ ...place, flags: [...place.flags!, '--kafka-on-damaged-batch', 'skip'] });
    await service.reachesOffsets([{ partition: 0, high: 5 }]);
    const gap = new RegExp(
      `^${topic}/0: 3 offsets from 2 on were lost \\(the record batch at offset 2 .*\\); no record was`,
    );
    const to = new Date();
    await passed(to);
    const before = await exportOf(service, 'before', { from, to });
    expect(before.manifest).toMatchObject({ status: 'provisional', reasons: [expect.stringMatching(gap)] });
    expect(servicesIn(before)).toBe(2);

    await kafka.produce(topic, [started('c')]);
    await service.reachesOffsets([{ partition: 0, high: 6 }]);
    expect(await service.metrics()).toContain(`tidemark_records_lost_total{topic="${topic}",partition="0"} 3`);
    const later = new Date(Date.now() + 300);
    const end = new Date(later.getTime() + 100);
    await passed(end);
    const after = await exportOf(service, 'after', { from: later, to: end, wait: 'complete' });
    expect(after.manifest).toMatchObject({ status: 'complete', partitions: [{ gaps: [{ from: 2, to: 5 }] }] });
    expect(await service.stop()).toMatchObject({ code: 0 });
    expect(await stored(service.db, 'SELECT from_offset, to_offset FROM gaps')).toEqual([['2', '5']]);
    expect(await stored(service.db, 'SELECT next_offset, records_read FROM partitions')).toEqual([['6', '3']]);

    const again = new Service(place);
    await again.reachesOffsets([{ partition: 0, high: 6 }]);
    expect(await again.stop(), 'a gap that is stored stops nobody').toMatchObject({ code: 0 });
  });

  test('is read once max_unpacked_bytes allows it', async () => {
    const topic = await kafka.createTopic('larger');
    await kafka.produce(topic, [...spaces(1, 2 << 20), started('a')], CompressionTypes.GZIP);
    const place = await servingOf(kafka, topic, '--max-unpacked-bytes', '1048576');
    expect((await new Service(place).ended).stderr).toMatch(/more than max_unpacked_bytes \(1048576\).*SOURCE_CORRUPT/);
    const service = new Service({ ...place, flags: ['--max-unpacked-bytes', '3000000'] });
    await service.reachesOffsets([{ partition: 0, high: 2 }]);
    expect(await service.stop()).toMatchObject({ code: 0 });
    expect(await stored(service.db, 'SELECT applied, quarantined FROM partitions')).toEqual([['1', '1']]);
  });
});
