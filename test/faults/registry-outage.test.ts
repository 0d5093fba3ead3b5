import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openLogWriter } from '../../connectors/log-files/log/log-writer.ts';
import { asAvro, schemaText, wireBytes } from '../support/avro.ts';
import { canStartRegistry, startRegistry } from '../support/kafka/own-servers.ts';
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

/** The service, and what its log says. */
function startService(args: readonly string[]) {
  const { child, ended } = startTidemark(['run', '--http-port', '0', ...args]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (more: string) => {
    text += more;
  });
  const lines = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as Record<string, unknown>);
  const untilSaid = async (sentence: RegExp, facts: Readonly<Record<string, unknown>> = {}) => {
    for (;;) {
      const found = lines().find(
        line => sentence.test(String(line.msg)) && Object.entries(facts).every(([name, value]) => line[name] === value),
      );
      if (found !== undefined) return found;
      if (child.exitCode !== null) throw new Error(`the service ended without saying ${sentence}: ${text}`);
      await setImmediate();
    }
  };
  return { child, ended, untilSaid };
}

async function readiness(url: string): Promise<{ readonly ready: boolean; readonly reasons: readonly string[] }> {
  const { not_ready: reasons } = (await (await fetch(`${url}/status`)).json()) as { not_ready: readonly string[] };
  return { ready: (await fetch(`${url}/readyz`)).ok, reasons };
}

describe.skipIf(!(await canStartRegistry()))('a registry that goes away', () => {
  test('makes the service wait, say so and be not ready; nothing is guessed, and it goes on by itself', async () => {
    const { path: folder, remove } = await temporaryFolder();
    onTestFinished(remove);
    const registry = await startRegistry();
    const schema = JSON.parse(schemaText('service.started'));
    const first = await register(registry.url, schema);
    const second = await register(registry.url, { ...schema, doc: 'another schema' });
    const db = path.join(folder, 'calls.duckdb');
    const append = await logIn(folder);
    await append(avro(first, 'known'));
    const service = startService([
      '--db',
      db,
      '--log-folder',
      path.join(folder, 'log'),
      '--registry-url',
      registry.url,
    ]);
    const { url } = await service.untilSaid(/the service is up/);
    await service.untilSaid(/batch stored/, { next: 1 });

    await registry.kill();
    // A schema that was had is had, registry or not.
    await append(avro(first, 'again'), Buffer.from(started('json')));
    await append(avro(second, 'other'), avro(99, 'never'));
    const { level } = await service.untilSaid(/reading waits: the schema registry .* cannot be asked: .*ECONNREFUSED/);
    expect(level).toBe('error');
    expect(await readiness(String(url))).toEqual({
      ready: false,
      reasons: [expect.stringContaining('the schema registry')],
    });

    await registry.start();
    await service.untilSaid(/the schema registry answers again/);
    while (!(await readiness(String(url))).ready) await setImmediate();
    await service.untilSaid(/batch stored/, { next: 5, quarantined: 1 });
    service.child.kill('SIGTERM');
    expect((await service.ended).code).toBe(0);
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
    let told = '';
    child.stderr.on('data', (more: string) => {
      told += more;
    });
    while (!told.includes('waiting: the schema registry http://127.0.0.1:1 cannot be asked')) await setImmediate();
    child.kill('SIGINT');
    expect((await ended).code).toBe(130);
    expect((await readTables(db)).partitions).toEqual([]);
    const { code, stderr } = await tidemark(['ingest', path.join(folder, 'log'), '--db', db]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('see what was quarantined')]);
  });
});
