import { closeSync, constants, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Broker } from '../../ops/local-kafka/broker.ts';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { runChild } from '../support/child-program.ts';
import { append, HardToStop, makePipe } from '../support/hard-to-stop.ts';
import { TestCluster } from '../support/kafka/cluster.ts';
import { canStartBroker, startBroker } from '../support/kafka/own-servers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tidemark } from '../support/tidemark.ts';

const log = ['--log-folder', 'log'];

/** A named pipe that is full and that nobody reads. */
async function makeFullPipe(file: string): Promise<void> {
  await makePipe(file);
  const descriptor = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  onTestFinished(() => closeSync(descriptor));
  const bytes = Buffer.alloc(512, 'x');
  try {
    for (;;) writeSync(descriptor, bytes);
  } catch {
    // EAGAIN: it is full.
  }
}

describe('a service whose standard output', () => {
  test.each([
    ['is a full disk', '> /dev/full', /^tidemark_log_lines_dropped_total [1-9]/m],
    ['and standard error are a full disk', '> /dev/full 2>&1', /^tidemark_log_lines_dropped_total [1-9]/m],
    ['is a full pipe that nobody reads', '> pipe', /^tidemark_log_lines_dropped_total 0$/m],
    ['is closed', '>&-', /^tidemark_log_lines_dropped_total \d+$/m],
  ])('%s goes on, counts the lines that it drops, and stops when it is told', async (_, redirect, counted) => {
    const service = await HardToStop.start({
      redirect,
      flags: log,
      prepare: folder => makeFullPipe(path.join(folder, 'pipe')),
    });
    await append(path.join(service.folder, 'log'));
    await waitFor('the second event to be stored', async () =>
      /"stored_offset":2\b/.test(await service.get('/status')) ? true : null,
    );
    expect(await service.get('/metrics')).toMatch(counted);
    const began = performance.now();
    service.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(15_000);
  });
});

describe('a service that reads from a disk that hangs', () => {
  /** The next segment of the log, which the service opens, is one that never answers. */
  const hangs = (folder: string) => makePipe(path.join(folder, 'log/calls-0/00000000000000000001.segment'));

  test.each([
    ['SIGINT', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
  ] as const)('ends at once at %s and then %s', async (first, second) => {
    const service = await HardToStop.start({ flags: log, prepare: hangs });
    await service.hangs();
    service.kill(first);
    await service.isStopping();
    service.kill(second);
    expect(await service.ended).toMatchObject({ code: null, signal: second });
  });

  test('ends at the stop deadline, although Node waits for the thread that hangs', async () => {
    const service = await HardToStop.start({ flags: [...log, '--stop-deadline-ms', '1000'], prepare: hangs });
    await service.hangs();
    service.kill('SIGTERM');
    const { signal, stdout } = await service.ended;
    expect(signal).toBe('SIGKILL');
    expect(stdout).toContain('stopping took longer than stop_deadline_ms');
  });
});

test('a service that fails and cannot stop ends at the stop deadline with the code of its failure, which it names', async () => {
  const { code, stdout } = await runChild({ program: 'fail-and-hang', args: ['100'] });
  expect(code).toBe(65);
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toMatchObject([
    { level: 'error', code: 'SOURCE_CORRUPT', msg: 'the log is damaged' },
    { level: 'error', msg: expect.stringContaining('stopping took longer than stop_deadline_ms') },
  ]);
});

describe.skipIf(!(await canStartBroker()))('a service with a broker', () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker({}, afterAll);
  });

  /** Starts a service that is ready, and freezes the broker. */
  async function frozen(...flags: readonly string[]): Promise<HardToStop> {
    const cluster = new TestCluster(broker.brokers);
    // A broker that was frozen for long is refused by its controller for a moment after it thaws.
    const created = () => cluster.createTopic('frozen').catch(() => null);
    const topic = await waitFor('the broker to make a topic', created);
    // In a group of its own, because the broker could not be told that an earlier service has left.
    const kafka = ['--kafka-brokers', broker.brokers.join(), '--kafka-topics', topic];
    const group = ['--kafka-group', cluster.uniqueTopic('group')];
    const service = await HardToStop.start({ flags: [...kafka, ...group, ...flags] });
    const isReady = async () => ((await service.get('/status')).includes('"not_ready":[]') ? true : null);
    await waitFor('the service to be ready', isReady);
    process.kill(broker.pid, 'SIGSTOP');
    return service;
  }

  test('that it cannot use ends with the reason, also while an export waits for the log', async () => {
    const service = await HardToStop.start({
      flags: ['--kafka-brokers', broker.brokers.join(), '--kafka-topics', 'missing', '--export-wait-ms', '3600000'],
    });
    const route = `${service.url}/genesys/1/cs/maintenance/services/files?file_prefix=x_&time_from=2014-01-01T00:00:00Z`;
    const asked = await fetch(route, { method: 'POST', headers: { prefer: 'respond-async' } });
    expect(asked.status).toBe(202);
    expect(await service.ended).toMatchObject({ code: 78, stderr: expect.stringContaining('TOPIC_UNFIT') });
  });

  test('that is frozen stops in order within the deadline, and with exit code 75 when that is shorter', async () => {
    const thaw = (): void => void process.kill(broker.pid, 'SIGCONT');
    onTestFinished(thaw);
    const patient = await frozen();
    patient.kill('SIGTERM');
    expect(await patient.ended).toMatchObject({ code: 0, signal: null });
    thaw();

    const impatient = await frozen('--stop-deadline-ms', '1000');
    impatient.kill('SIGTERM');
    const { code, signal, stdout } = await impatient.ended;
    expect([code, signal]).toEqual([75, null]);
    expect(stdout).toContain('stopping took longer than stop_deadline_ms');
  });
});

test.each(['--export-root=/proc/x', '--export-root=/proc/x/y', '--db=/proc/x/y.duckdb'])(
  'run %s, where the system makes no folder, is refused; it does not try for ever',
  async flag => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const { code, stderr } = await tidemark(['run', ...log, '--http-port', '0', flag], { cwd: folder.path });
    expect([code, stderr]).toEqual([73, expect.stringContaining('NOT_WRITABLE')]);
  },
);
