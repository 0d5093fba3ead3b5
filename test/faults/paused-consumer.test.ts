import { describe, expect, test } from 'vitest';
import { asAvro, schemaText, wireBytes } from '../support/avro.ts';
import { exportDay } from '../support/export-day.ts';
import { sharedKafka, sharedRegistry } from '../support/kafka/shared.ts';
import { registryProxy } from '../support/registry-proxy.ts';
import { register } from '../support/schema-registry.ts';
import { Service, servingOf } from '../support/service.ts';

const kafka = await sharedKafka();
const shared = await sharedRegistry();

const started = (id: string, timestamp: string) =>
  JSON.stringify({ event: 'service.started', service_id: id, timestamp });

describe.skipIf(!kafka.available || !shared.available)('a consumer that is held up', () => {
  test('makes a window provisional, with the reason; when it continues, the window is complete', async () => {
    const topic = await kafka.createTopic('events');
    const id = await register(shared.url, JSON.parse(schemaText('service.started')), {
      subject: `${topic}-service.started`,
    });
    // The Avro record cannot be read while the registry is away, and all behind it waits.
    const held = wireBytes(id, asAvro(started('held', '2026-03-01T11:00:00Z'))!.subarray(5));
    await kafka.produce(topic, [
      { key: 'read', value: started('read', '2026-03-01T10:00:00Z') },
      { key: 'held', value: held },
      { key: 'later', value: started('later', '2026-03-02T00:00:01Z') },
    ]);
    let isDown = true;
    const { url: registry } = await registryProxy({
      url: shared.url,
      misbehave: request => {
        if (isDown) request.socket.destroy();
        return isDown;
      },
    });
    const flags = ['--registry-url', registry, '--export-wait-ms', '300', '--batch-records', '1'];
    const service = new Service(await servingOf(kafka, topic, ...flags));
    const url = String((await service.line('the service is up')).url);
    await service.reaches('the first event', ({ partitions }) => partitions[0]?.stored_offset === 1);

    const provisional = await exportDay(url, 'early');
    expect(provisional.files.find(({ kind }) => kind === 'services')?.rows).toBe(1);
    expect(provisional.manifest).toMatchObject({
      status: 'provisional',
      partitions: [{ topic, partition: 0, next_offset: 1 }],
    });
    expect(provisional.manifest?.reasons.join('\n')).toContain(`${topic}/0`);

    isDown = false;
    await service.reachesOffsets([{ partition: 0, high: 3 }]);
    const complete = await exportDay(url, 'late');
    expect(complete.files.find(({ kind }) => kind === 'services')?.rows).toBe(2);
    expect(complete.manifest).toMatchObject({ status: 'complete', reasons: [] });
    const again = await exportDay(url, 'early');
    expect(again.manifest, 'what was said stays said').toEqual(provisional.manifest);
    expect(await service.stop()).toMatchObject({ code: 0 });
  });
});
