import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { asAvro, schemaText, wireBytes } from '../support/avro.ts';
import { canStartRegistry, startRegistry } from '../support/kafka/own-servers.ts';
import { RunningService } from '../support/running-service.ts';
import { register } from '../support/schema-registry.ts';
import { queryDatabase, readTables } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTidemark, tidemark } from '../support/tidemark.ts';

const started = (id: string) => `{"event":"service.started","service_id":"${id}","timestamp":"2026-03-01T00:00:00Z"}`;

/** An Avro record under an id of the registry. */
const avro = (schemaId: number, id: string) => wireBytes(schemaId, asAvro(started(id))!.subarray(5));

async function logIn(folder: string) {
  const writer = await openLogWriter({ root: path.join(folder, 'log'), topic: 'calls', partition: 0 });
  onTestFinished(() => writer.close());
  return (...values: readonly Uint8Array[]) =>
    writer.append(values.map(value => ({ timestamp: 1_800_000_000_000, key: null, value })));
}

/** Resolves to the first line of the service's log that says this, with these facts. Throws when the service ends before. */
function untilSaid(service: RunningService, sentence: RegExp, facts: Readonly<Record<string, unknown>> = {}) {
  return service.line(
    line => sentence.test(line.msg) && Object.entries(facts).every(([name, value]) => line[name] === value),
  );
}

async function readiness(url: string): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }> {
  const { not_ready: reasons } = (await (await fetch(`${url}/status`)).json()) as { not_ready: readonly string[] };
  return { ready: (await fetch(`${url}/readyz`)).ok, reasons };
}

describe.skipIf(!(await canStartRegistry()))('a registry that goes away', () => {
  test('makes the service wait, report the reason and be not ready; no record is quarantined, and reading continues by itself', async () => {
    const { path: folder, remove } = await temporaryFolder();
    onTestFinished(remove);
    const registry = await startRegistry();
    const schema = JSON.parse(schemaText('service.started'));
    const first = await register(registry.url, schema);
    const second = await register(registry.url, { ...schema, doc: 'another schema' });
    const db = path.join(folder, 'calls.duckdb');
    const append = await logIn(folder);
    await append(avro(first, 'known'));
    const service = new RunningService([
      ...['--log-level', 'debug'],
      '--db',
      db,
      '--log-folder',
      path.join(folder, 'log'),
      '--registry-url',
      registry.url,
    ]);
    const url = await service.url();
    await untilSaid(service, /batch stored/, { next: 1 });

    await registry.kill();
    // A schema that was had is had, registry or not.
    await append(avro(first, 'again'), Buffer.from(started('json')));
    await append(avro(second, 'other'), avro(99, 'never'));
    const { level } = await untilSaid(service, /reading waits: the schema registry .* is unavailable: .*ECONNREFUSED/);
    expect(level).toBe('error');
    expect(await readiness(url)).toEqual({
      ready: false,
      reasons: [expect.stringContaining('the schema registry')],
    });

    await registry.start();
    await untilSaid(service, /the schema registry answers again/);
    await waitFor('readiness', async () => ((await readiness(url)).ready ? true : null));
    await untilSaid(service, /batch stored/, { next: 5, quarantined: 1 });
    expect((await service.stop()).code).toBe(0);
    const { services, partitions } = await readTables(db);
    expect(services.map(row => JSON.parse(row)[0])).toEqual(['again', 'json', 'known', 'other']);
    expect(partitions).toMatchObject([{ nextOffset: 5, recordsRead: 5, applied: 4, quarantined: 1 }]);
    const kept = await queryDatabase(db, query => query('SELECT schema_id, reason FROM quarantine'));
    expect(kept).toEqual([['99', 'UNKNOWN_SCHEMA']]);
  });

  test('makes ingest wait too, and Ctrl-C ends it between two transactions', async () => {
    const { path: folder, remove } = await temporaryFolder();
    onTestFinished(remove);
    const append = await logIn(folder);
    await append(avro(1, 'waits'));
    const db = path.join(folder, 'calls.duckdb');
    const args = ['ingest', path.join(folder, 'log'), '--db', db, '--registry-url', 'http://127.0.0.1:1'];
    const { child, ended } = startTidemark(args);
    const waits = 'waiting: the schema registry http://127.0.0.1:1 is unavailable';
    await new Promise<void>((resolve, reject) => {
      let told = '';
      child.stderr.on('data', (more: string) => {
        told += more;
        if (told.includes(waits)) resolve();
      });
      void ended.then(({ stderr }) => reject(new Error(`ingest ended before it said that it waits: ${stderr}`)));
    });
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect((await readTables(db)).partitions, 'it is known, and nothing of it is stored').toMatchObject([
      { recordsRead: 0, nextOffset: 0 },
    ]);
    const { code, stderr } = await tidemark(['ingest', path.join(folder, 'log'), '--db', db]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('see what was quarantined')]);
  });
});
