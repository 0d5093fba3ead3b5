import { describe, expect, test } from 'vitest';
import { sharedKafka } from '../support/kafka/shared.ts';
import { clockLateness, exportOf, started } from '../support/kafka/windows.ts';
import { Service, servingOf } from '../support/service.ts';
import { queryDatabase } from '../support/tables.ts';

const kafka = await sharedKafka();

describe.skipIf(!kafka.available)('a service whose configuration does not fit its topic', () => {
  test('waits instead of quarantining it all, says what to set, and stores all once that is set (contract 1.19)', async () => {
    const topic = await kafka.createTopic('misfit', { partitions: 2 });
    // Keys as JSON texts, which key_format string reads with their quotation marks, in one partition of two.
    const json = Array.from({ length: 300 }, (_, at) => ({
      ...started(`json-${at}`),
      key: `"json-${at}"`,
      partition: 0,
    }));
    await kafka.produce(topic, json);
    await kafka.produce(topic, [{ ...started('plain'), partition: 1 }]);
    const from = new Date(Date.now() - 3_600_000);
    const serving = await servingOf(kafka, topic, ...clockLateness, '--export-wait-ms', '2000');
    const service = new Service(serving);
    const waiting = `the records of ${topic}/0 wait: more than 90 % of the newest records seem not to fit the configuration: their keys are not their service_ids; correct key_format, or let producers use the service_id as the key`;
    await service.reaches('the waiting partition', ({ not_ready }) => not_ready?.includes(waiting) === true);
    await service.reaches('the other partition', ({ partitions }) =>
      partitions.some(({ partition, stored_offset }) => partition === 1 && stored_offset === 1),
    );
    expect(await service.metrics()).toContain('\ntidemark_held_partitions 1\n');
    const old = await exportOf(service, 'old', { from, to: new Date(from.getTime() + 1_000) });
    expect(old.completeness).toBe('provisional');
    expect(old.manifest?.reasons).toContainEqual(
      expect.stringContaining(`${topic}/0: its records wait: more than 90 %`),
    );
    await service.stop();
    const quarantined = await queryDatabase(service.db, query => query('SELECT count(*) FROM quarantine'));
    expect(quarantined).toEqual([['0']]);

    const corrected = new Service({ ...serving, flags: [...(serving.flags ?? []), '--key-format', 'json'] });
    await corrected.reaches('all', ({ partitions }) =>
      partitions.some(({ partition, applied }) => partition === 0 && applied === 300),
    );
    expect(await corrected.metrics()).toContain('\ntidemark_held_partitions 0\n');
    await corrected.stop();
  });

  test('warns once of each reason for which records begin to be quarantined', async () => {
    const topic = await kafka.createTopic('warned');
    const service = new Service(await servingOf(kafka, topic));
    await kafka.produce(topic, [
      { key: 'a', value: 'no JSON' },
      { key: 'b', value: '{"event":"none"}' },
    ]);
    const warned = await service.line(/^records are being quarantined/);
    expect(warned).toMatchObject({
      level: 'warn',
      topic,
      partition: 0,
      code: expect.stringMatching(/MALFORMED|UNKNOWN_KIND/),
    });
    await service.stop();
  });
});
