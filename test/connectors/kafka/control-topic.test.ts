import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { kafkaOptionsOf } from '../../../ops/kafka-options.ts';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import type { Status as ServiceStatus } from '../../../ops/service/status.ts';
import { readConfig } from '../../../ops/settings/config.ts';
import { ControlPlace, exportRequest, StatusReader } from '../../support/kafka/control-place.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import { queryDatabase } from '../../support/tables.ts';
import { tidemarkDone } from '../../support/tidemark.ts';

const kafka = await sharedKafka();

/** Parameters of an export that waits for a window that is never complete, so that there is time to cancel it. */
const endless = { time_to: '2199-01-01T00:00:00Z', wait: 'complete' };
const cancel = { action: 'cancel' };

describe.skipIf(!kafka.available)('the control topic', () => {
  test('serves a request from start to end, and publishes each change of its state', async () => {
    const place = await ControlPlace.make(kafka);
    const service = place.start();
    const statuses = await StatusReader.open(place);
    await place.ask(exportRequest('one', { manifest: true, header: true }));
    const ended = await statuses.ended('one');
    const stamp = /^one\/\d{8}_\d{6}_\d{3}_/.exec(ended.created[0] ?? '')?.[0];
    expect(ended).toMatchObject({
      status: 'completed',
      created: [`${stamp}tasks.csv`, `${stamp}states.csv`, `${stamp}services.csv`],
      rows: { services: 3, states: 0, tasks: 0 },
      manifest: { request_id: 'one', files: { length: 3 } },
      progress: { phase: 'ended', rows: 3 },
      error: null,
    });
    expect(await place.files()).toEqual([...ended.created, `${stamp}manifest.json`].toSorted());
    const published = statuses.of('one');
    expect(published.map(({ sequence }) => sequence)).toEqual(published.map((_, at) => at + 1));
    expect([...new Set(published.map(({ status }) => status))]).toEqual(['accepted', 'running', 'completed']);
    expect(published.map(({ progress }) => progress?.phase)).toContain('writing');
    expect(published.every(({ at }) => at === new Date(at).toISOString())).toBe(true);
    // A reader may receive the last status before the sender gets its acknowledgement.
    const url = await service.url();
    const metrics = await waitFor('an empty outbox', async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text.includes('\ntidemark_outbox_statuses 0\n') ? text : null;
    });
    expect(metrics).toContain('\ntidemark_control_records_total 1\n');
    await waitFor('the count', async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text.includes(`\ntidemark_statuses_published_total ${published.length}\n`) ? text : null;
    });
    const read = { topic: place.topics.control, partition: 0, stored_offset: 1 };
    const status = await waitFor('the end of the topic', async () => {
      const { control } = JSON.parse(await tidemarkDone(['status', '--db', place.db, '--json'])) as ServiceStatus;
      return control.partitions[0]?.log_end === 1 ? control : null;
    });
    expect(status).toEqual({ partitions: [{ ...read, log_end: 1, lag_records: 0 }], statuses_waiting: 0 });
    expect(await service.stop()).toMatchObject({ code: 0 });
    expect(await place.states()).toEqual({ one: 'completed' });
    const shown = await tidemarkDone(['status', '--db', place.db]);
    expect(shown).toMatch(new RegExp(`^${place.topics.control}/0 +1 +- +-$`, 'm'));
    expect(shown).toMatch(/^statuses that wait to be sent: 0$/m);
  });

  test('a redelivered request only repeats its last status, and one with other parameters gets a conflict that does not hide that status', async () => {
    const place = await ControlPlace.make(kafka);
    const service = place.start();
    const statuses = await StatusReader.open(place);
    await place.ask(exportRequest('one'));
    const ended = await statuses.ended('one');
    await place.ask(exportRequest('one'), exportRequest('one', { header: true }), exportRequest('two'));
    await statuses.ended('two');
    const [conflict] = statuses.of('one').filter(({ sequence }) => sequence === 0);
    expect(conflict).toMatchObject({ status: 'failed', error: { code: 'REQUEST_CONFLICT' }, created: [] });
    const last = statuses.of('one').filter(({ sequence }) => sequence === ended.sequence);
    expect(last).toEqual([ended, ended]);
    expect(Math.max(...statuses.of('one').map(({ sequence }) => sequence))).toBe(ended.sequence);
    await service.stop();
    expect(await place.files()).toHaveLength(6);
    const positions = await queryDatabase(place.db, query => query('SELECT next_offset FROM control_positions'));
    expect(positions).toEqual([['4']]);
  });

  test('cancels running and queued requests, and refuses to cancel unknown and ended ones', async () => {
    const place = await ControlPlace.make(kafka);
    const service = place.start('--exports-at-once', '1', '--export-wait-ms', '600000');
    const statuses = await StatusReader.open(place);
    await place.ask(exportRequest('running', endless), exportRequest('queued', endless));
    await statuses.until('running', ({ status }) => status === 'running');
    await place.ask(['queued', cancel], ['running', cancel], ['unknown', cancel], ['running', cancel]);
    // The statuses of different requests may lie in different partitions, which are read in no common order.
    for (const id of ['running', 'unknown']) await statuses.until(id, ({ sequence }) => sequence === 0);
    expect(await statuses.ended('running')).toMatchObject({ status: 'cancelled', error: { code: 'CANCELLED' } });
    expect(await statuses.ended('queued')).toMatchObject({ status: 'cancelled', created: [] });
    expect(statuses.of('unknown')).toMatchObject([
      { sequence: 0, status: 'failed', error: { code: 'REQUEST_UNKNOWN' } },
    ]);
    expect(statuses.of('running').filter(({ sequence }) => sequence === 0)).toMatchObject([
      { status: 'failed', error: { code: 'REQUEST_ENDED' } },
    ]);
    await service.stop();
    expect(await place.states()).toEqual({ queued: 'cancelled', running: 'cancelled' });
    expect(await place.files()).toEqual([]);
  });

  test('a malformed request fails when it has an id, and is quarantined when it has none', async () => {
    const place = await ControlPlace.make(kafka);
    await mkdir(place.root);
    await writeFile(path.join(place.root, 'file'), '');
    const service = place.start();
    const statuses = await StatusReader.open(place);
    await place.ask(
      ['json', '{"action": "export",}'],
      ['action', { action: 'import' }],
      ['replay', { action: 'replay', from: 'yesterday' }],
      ['parameters', { action: 'export', file_prefix: '../x', colour: 'red' }],
      ['nested', { action: 'export', file_prefix: ['x'] }],
      exportRequest('in the way', { file_prefix: 'file/x' }),
      ['tombstone', null],
      [null, { action: 'export' }],
      [null, 'no JSON'],
      ['', null],
    );
    const [, valid] = exportRequest('good');
    // kafkajs, which puts the records there, would hash the long key for minutes; a named partition needs no hash.
    const longKey = { key: Buffer.alloc(530_000, 0x78), value: JSON.stringify(valid), partition: 0 };
    await kafka.produce(place.topics.control, [longKey]);
    await place.ask(['good', valid]);
    await statuses.ended('good');
    const refused = (id: string, code = 'REQUEST_INVALID') => {
      const [{ sequence, status, error }] = statuses.of(id) as [(typeof statuses.all)[number]];
      expect([sequence, status, error?.code]).toEqual([0, 'failed', code]);
      return error?.message;
    };
    expect(refused('json')).toContain('not JSON');
    expect(refused('action')).toContain('action is "import"; allowed are export, cancel, replay');
    expect(refused('replay')).toContain('from is "yesterday"; allowed is beginning, now');
    expect(refused('parameters')).toMatch(/time_from is required.*colour is not a parameter.*file_prefix/);
    expect(refused('nested')).toContain('file_prefix is ["x"]');
    expect(refused('tombstone')).toContain('no value');
    expect(refused('in the way', 'PREFIX_REFUSED')).toContain('runs through the file <export root>/file;');
    expect(JSON.stringify(statuses.all)).not.toContain(path.dirname(place.root));
    await service.stop();
    const quarantined = await queryDatabase(place.db, query =>
      query(`SELECT "offset", reason FROM quarantine WHERE topic = '${place.topics.control}' ORDER BY 1`),
    );
    expect(quarantined).toEqual([
      ['7', 'NO_KEY'],
      ['8', 'MALFORMED'],
      ['9', 'BAD_FIELD'],
      ['10', 'BAD_FIELD'],
    ]);
  });

  test('that is compacted makes the service unready, names the command that mends it, and is served all the same', async () => {
    const place = await ControlPlace.make(kafka);
    await kafka.setTopicConfig(place.topics.control, { 'cleanup.policy': 'compact' });
    const service = place.start('--service-name', 'nightly');
    const url = await service.url();
    const command = `--entity-name ${place.topics.control} --add-config cleanup.policy=delete`;
    await waitFor('the reason', async () => {
      const { not_ready: reasons } = (await (await fetch(`${url}/status`)).json()) as ServiceStatus;
      return reasons?.some(reason => reason.endsWith(command)) ? reasons : null;
    });
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reasons: ['a topic is compacted'] }]);
    const statuses = await StatusReader.open(place);
    await place.ask(exportRequest('one'));
    expect(await statuses.ended('one')).toMatchObject({ status: 'completed', service: 'nightly' });
    expect(await service.stop()).toMatchObject({ code: 0 });
  });

  test('a request whose statuses the topic cannot take ends, and the service goes on and counts them', async () => {
    const place = await ControlPlace.make(kafka);
    await kafka.setTopicConfig(place.topics.statuses, { 'max.message.bytes': '100' });
    const service = place.start();
    const url = await service.url();
    await place.ask(exportRequest('one'));
    await waitFor('the end of the export', async () => {
      const report = (await (await fetch(`${url}/exports/one`)).json()) as { readonly state?: string };
      return report.state === 'completed' ? report : null;
    });
    await waitFor('an empty outbox', async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const [, dropped = '0'] = /\ntidemark_statuses_dropped_total (\d+)\n/.exec(text) ?? [];
      return text.includes('\ntidemark_outbox_statuses 0\n') && Number(dropped) >= 3 ? dropped : null;
    });
    const { code, stdout } = await service.stop();
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /"code":"STATUS_TOO_LARGE","request_id":"one","msg":"a status is dropped: [^"]*max.message.bytes/,
    );
  });

  test('requests that arrived while the service was down are served, also with a full queue; statuses of other doors are sent too', async () => {
    const place = await ControlPlace.make(kafka, 2);
    await place.ask(...Array.from({ length: 6 }, (_, at) => exportRequest(`early-${at}`, { format: 'ndjson' })));
    const limits = ['--exports-at-once', '1', '--export-queue', '0'] as const;
    const statuses = await StatusReader.open(place);
    const first = place.start(...limits);
    for (let at = 0; at < 6; at += 1) expect((await statuses.ended(`early-${at}`)).status).toBe('completed');
    await first.stop();
    await place.ask(exportRequest('down', { format: 'json' }));
    const args = ['--db', place.db, '--export-root', place.root, '--file-prefix', 'cli/', '--request-id', 'cli'];
    const window = ['--time-from', '2026-03-01T00:00:00Z', '--time-to', '2026-03-02T00:00:00Z'];
    await tidemarkDone(['export', ...args, ...window], { env: { TIDEMARK_STATUS_TOPIC: place.topics.statuses } });
    const second = place.start(...limits);
    expect(await statuses.ended('cli')).toMatchObject({ status: 'completed', rows: { services: 3 } });
    expect(await statuses.ended('down')).toMatchObject({ status: 'completed' });
    await second.stop();
    expect(Object.values(await place.states())).toEqual(Array.from({ length: 8 }, () => 'completed'));
  });

  test.each([
    ['a control topic', 'control-topic'],
    ['a status topic', 'status-topic'],
  ])('%s that does not exist is refused', async (_, flag) => {
    const place = await ControlPlace.make(kafka);
    const service = place.start(`--${flag}`, kafka.uniqueTopic('no-such'));
    expect((await service.ended).stderr).toContain('[TOPIC_UNFIT]');
  });
});

test.each([
  ['one without the other', { control_topic: 'a' }, 'control_topic and status_topic need each other'],
  ['no Kafka', { control_topic: 'a', status_topic: 'b', kafka_brokers: '' }, 'need kafka_brokers'],
  ['one topic for both', { control_topic: 'a', status_topic: 'a' }, 'must differ from each other'],
  ['the topic of events', { control_topic: 'a', status_topic: 'events' }, 'must differ from each other'],
])('settings of a control topic with %s are refused', (_, flags, words) => {
  const given = { kafka_brokers: 'localhost:9092', kafka_topics: 'events', ...flags };
  const { config } = readConfig({ file: null, environment: {}, flags: given });
  expect(() => kafkaOptionsOf(config)).toThrow(words);
});
