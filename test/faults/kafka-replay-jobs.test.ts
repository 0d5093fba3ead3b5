import { describe, expect, test } from 'vitest';
import type { ExportReport } from '../../connectors/http/export-report.ts';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { checkedManifest } from '../support/checked-manifest.ts';
import { EventLoad } from '../support/kafka/load.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { clockLateness } from '../support/kafka/windows.ts';
import { chosenSeed } from '../support/random.ts';
import { Service, servingOf } from '../support/service.ts';

const kafka = await sharedKafka();
const seed = chosenSeed();

describe.skipIf(!kafka.available)('a service that follows Kafka', () => {
  test(`reads its topics again beside itself, and an export from there has the same content (contract 5.25, 5.28, seed ${seed})`, async () => {
    const topic = await kafka.createTopic('jobs', { partitions: 3 });
    await kafka.produce(topic, new EventLoad({ topic, partitions: 3, services: 200, seed }).next(2_000));
    const service = new Service(await servingOf(kafka, topic, ...clockLateness));
    await service.reachesOffsets(await kafka.offsets(topic));
    const { url } = await service.line('the service is up');
    const ask = async (route: string, init: RequestInit = {}) => {
      const answer = await fetch(`${url}${route}`, init);
      return {
        status: answer.status,
        body: (await answer.json()) as Partial<ExportReport> & { readonly state: string },
      };
    };
    const made = await ask('/replays', { method: 'POST', headers: { 'idempotency-key': 'march' } });
    expect(made.status, JSON.stringify(made.body)).toBe(202);
    const ended = await waitFor('the replay to end', async () => {
      const { body } = await ask('/replays/march');
      return ['completed', 'failed', 'cancelled'].includes(body.state) ? body : null;
    });
    expect(ended).toMatchObject({ state: 'completed', error: null });
    const hashesOf = async (id: string, more: string) => {
      const window = 'time_from=2020-01-01T00:00:00Z&time_to=2024-01-01T00:00:00Z';
      const route = `/genesys/1/cs/maintenance/services/files?${window}&wait=end&file_prefix=${id}_${more}`;
      const { status, body } = await ask(route, { method: 'POST', headers: { 'idempotency-key': id } });
      expect(status, JSON.stringify(body)).toBe(200);
      const { manifest } = (await ask(`/exports/${id}`)).body;
      checkedManifest(manifest!);
      return { status: manifest?.status, hashes: manifest?.files.map(({ sha256 }) => sha256) };
    };
    const [live, again] = [await hashesOf('live', ''), await hashesOf('again', '&from_replay=march')];
    expect(again).toEqual(live);
    expect(again.status).toBe('complete');
    expect(await service.stop()).toMatchObject({ code: 0 });
  });
});
