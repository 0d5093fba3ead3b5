import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { DuckDbRequestStore } from '../../../connectors/duckdb/request-store.ts';
import { DuckDbOutbox } from '../../../connectors/duckdb/requests/outbox.ts';
import { runService } from '../../../ops/service/service.ts';
import { readConfig } from '../../../ops/settings/config.ts';
import { TidemarkError } from '../../../pipeline/errors.ts';
import { Jobs } from '../../../pipeline/requests/jobs.ts';
import { ControlPlace, exportRequest, StatusReader } from '../../support/kafka/control-place.ts';
import { LogLines } from '../../support/kafka/reading.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import { queryDatabase } from '../../support/tables.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const kafka = await sharedKafka();

/** The settings of a service at this place. */
function configOf({ db, root, topics }: ControlPlace) {
  const flags = {
    db,
    export_root: root,
    kafka_brokers: kafka.brokers,
    kafka_topics: [topics.events],
    kafka_group: kafka.uniqueTopic('group'),
    control_topic: topics.control,
    status_topic: topics.statuses,
    http_port: 0,
  };
  return readConfig({ file: null, environment: {}, flags }).config;
}

test('a service that fails while Kafka does not answer yet says why, not only that it was interrupted', async () => {
  onTestFinished(() => void vi.restoreAllMocks());
  vi.spyOn(DuckDbOutbox.prototype, 'oldest').mockRejectedValue(new TidemarkError('WAREHOUSE_BROKEN', 'a torn page'));
  const topics = { kafka_topics: 'events', control_topic: 'control', status_topic: 'statuses' };
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  const places = { db: join(folder.path, 'x.duckdb'), export_root: join(folder.path, 'out') };
  const flags = { ...places, ...topics, kafka_brokers: '127.0.0.1:1', http_port: '0' };
  const { config } = readConfig({ file: null, environment: {}, flags });
  const running = runService({ config, log: new LogLines(), signal: new AbortController().signal });
  await expect(running).rejects.toMatchObject({ code: 'WAREHOUSE_BROKEN', message: 'a torn page' });
});

describe.skipIf(!kafka.available)('a service that stops', () => {
  test('sends the status of an export that ends meanwhile', async () => {
    const place = await ControlPlace.make(kafka);
    const statuses = await StatusReader.open(place);
    onTestFinished(() => void vi.restoreAllMocks());
    // The export ends only when the service waits for its exports to stop.
    let endExport = (): void => undefined;
    const stopping = new Promise<void>(resolve => {
      endExport = resolve;
    });
    const { stopped } = Jobs.prototype;
    vi.spyOn(Jobs.prototype, 'stopped').mockImplementation(async function (this: Jobs) {
      endExport();
      await stopped.call(this);
    });
    const { update } = DuckDbRequestStore.prototype;
    const hasFiles = new Promise<void>(resolve => {
      vi.spyOn(DuckDbRequestStore.prototype, 'update').mockImplementation(async function (
        this: DuckDbRequestStore,
        requestId,
        change,
      ) {
        if (change.state === 'completed') {
          resolve();
          await stopping;
        }
        return update.call(this, requestId, change);
      });
    });
    const stop = new AbortController();
    const running = runService({ config: configOf(place), log: new LogLines(), signal: stop.signal });
    await place.ask(exportRequest('one'));
    await Promise.race([hasFiles, running]);
    stop.abort();
    await running;
    const left = await queryDatabase(place.db, query => query('SELECT status FROM outbox'));
    expect(left, 'the last status waits for the next start').toEqual([]);
    expect(await statuses.ended('one')).toMatchObject({ status: 'completed' });
  });
});
