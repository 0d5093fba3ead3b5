import { describe, expect, test } from 'vitest';
import { exportDay } from '../support/export-day.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { Service, servingOf } from '../support/service.ts';

const kafka = await sharedKafka();

describe.skipIf(!kafka.available)('an export that is requested before any partition is assigned', () => {
  test('waits for the assignment, and for all records of the partitions', async () => {
    const topic = await kafka.createTopic('events', { partitions: 2 });
    const started = (id: string, hour: number) =>
      JSON.stringify({ event: 'service.started', service_id: id, timestamp: `2026-03-01T${hour}:00:00Z` });
    const ids = Array.from({ length: 40 }, (_, index) => `s-${index}`);
    await kafka.produce(
      topic,
      ids.map((id, index) => ({ key: id, value: started(id, 10 + (index % 10)) })),
    );
    const flags = ['--export-wait-ms', '60000'];
    const service = new Service(await servingOf(kafka, topic, ...flags));
    const url = String((await service.line('the service is up')).url);
    const { files, manifest } = await exportDay(url, 'early');
    expect(files.find(({ kind }) => kind === 'services')?.rows).toBe(ids.length);
    expect(manifest).toMatchObject({ status: 'complete', reasons: [] });
    expect(await service.stop()).toMatchObject({ code: 0 });
  });
});
