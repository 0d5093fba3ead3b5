import { describe, expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { EventLoad } from '../support/kafka/load.ts';
import { accountsOf, readLog, storedAccounts } from '../support/kafka/read-log.ts';
import { replayingFromKafka } from '../support/kafka/replaying.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { many, started } from '../support/kafka/windows.ts';
import { chosenSeed } from '../support/random.ts';
import { Service } from '../support/service.ts';
import { tidemarkKilled } from '../support/tidemark.ts';

const kafka = await sharedKafka();
const seed = chosenSeed();
const { run, attempt, pathOf, verify, exported, reading, replayed, planned, manifestIn } = replayingFromKafka(kafka);

/** What the broker knows of a group. */
const stateOf = (group: string, topic: string) =>
  kafka.withAdmin(async admin => {
    const { groups } = await admin.describeGroups([group]);
    const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    const members = groups[0]?.members.map(({ memberId }) => memberId).toSorted();
    const committed = offsets?.partitions.map(({ partition, offset }) => `${partition}: ${offset}`).toSorted();
    return { state: groups[0]?.state, members, committed };
  });

async function startTransaction(topic: string) {
  const transactionalId = kafka.uniqueTopic('transaction');
  const producer = kafka.client().producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  const transaction = await producer.transaction();
  await transaction.send({ topic, acks: -1, messages: [started('in-transaction')] });
  return transaction;
}

describe.skipIf(!kafka.available)('a replay from Kafka', () => {
  test(`beside a live group of three leaves the group as it was, and holds the fold of the log (contract 5.23, seed ${seed})`, {
    timeout: 180_000,
  }, async () => {
    const topic = await kafka.createTopic('beside', { partitions: 7 });
    const group = kafka.uniqueTopic('group');
    // One partition stays empty.
    await kafka.produce(topic, new EventLoad({ topic, partitions: 6, services: 300, seed }).next(3_000));
    const members = [0, 1, 2].map(
      member => new Service({ folder: pathOf(`member-${member}`), brokers: kafka.brokers, topic, group }),
    );
    const ends = await kafka.offsets(topic);
    for (const member of members)
      await member.reaches('its partitions', ({ partitions }) =>
        partitions.every(of => of.log_end === null || of.stored_offset === of.log_end || of.log_end === 0),
      );
    const before = await waitFor('the group to have committed all that is stored', async () => {
      const state = await stateOf(group, topic);
      const { committed = [] } = state;
      return ends.every(({ partition, high }) => high === 0 || committed.includes(`${partition}: ${high}`))
        ? state
        : null;
    });
    expect([before.state, before.members?.length]).toEqual(['Stable', 3]);
    await replayed('--into', 'again.duckdb', ...reading(topic, group));
    expect(await stateOf(group, topic)).toEqual(before);
    const groups = await kafka.withAdmin(async admin =>
      (await admin.listGroups()).groups.map(({ groupId }) => groupId),
    );
    for (const own of groups.filter(name => name.startsWith(`${group}-replay-`)))
      expect((await stateOf(own, topic)).committed?.every(each => each.endsWith(': -1'))).toBe(true);
    const log = await readLog(kafka, topic);
    const accounts = accountsOf(log);
    const stored = await storedAccounts(pathOf('again.duckdb'), topic);
    expect(stored.rows).toEqual(accounts.rows);
    expect(stored.partitions).toEqual(accounts.partitions.filter(({ partition }) => ends[partition]!.high > 0));
    for (const member of members) expect(await member.stop()).toMatchObject({ code: 0 });
  });

  test('gives the same files as the live database, and both are verified, over aborted transactions (contract 5.22)', async () => {
    const topic = await kafka.createTopic('same', { partitions: 2 });
    await kafka.produce(topic, many(40, 'a'));
    await (await startTransaction(topic)).abort();
    await kafka.produce(topic, many(40, 'b'));
    await (await startTransaction(topic)).commit();
    const group = kafka.uniqueTopic('group');
    const live = new Service({ folder: pathOf('live'), brokers: kafka.brokers, topic, group });
    await live.reachesOffsets(await kafka.offsets(topic));
    expect(await live.stop()).toMatchObject({ code: 0 });
    const first = await exported('--db', 'live/service.duckdb');
    expect(await replayed('--into', 'again.duckdb', ...reading(topic))).toMatchObject({ records_read: 81 });
    const second = await exported('--db', 'again.duckdb');
    const hashes = async (path: string) =>
      (await manifestIn(path)).files.map(({ sha256 }: { sha256: string }) => sha256);
    expect(await hashes(second)).toEqual(await hashes(first));
    expect(await verify(first, second, ...reading(topic))).toMatchObject({
      code: 0,
      answers: ['verified', 'verified'],
    });
    // More records do not matter.
    await kafka.produce(topic, many(5, 'c'));
    expect(await verify(first, ...reading(topic))).toMatchObject({ answers: ['verified'] });
    expect(await replayed('--into', 'then.duckdb', '--until', `manifest:${first}`, ...reading(topic))).toMatchObject({
      records_read: 81,
    });
    expect(await hashes(await exported('--db', 'then.duckdb'))).toEqual(await hashes(first));
  });

  test('until now ends before an open transaction after export_wait_ms, and every manifest says so', async () => {
    const topic = await kafka.createTopic('hidden');
    await kafka.produce(topic, [started('early')]);
    const transaction = await startTransaction(topic);
    await kafka.produce(topic, many(3, 'behind'));
    const args = ['replay', '--into', 'x.duckdb', ...reading(topic), '--export-wait-ms', '500'];
    const { code, stderr } = await attempt(...args);
    const hides = `${topic}/0: an open transaction hides the offsets from 1 on and below 5`;
    expect([code, stderr]).toEqual([0, expect.stringContaining(hides)]);
    const { status, reasons, partitions } = await manifestIn(await exported('--db', 'x.duckdb'));
    expect([status, partitions[0].next_offset]).toEqual(['provisional', 1]);
    expect(reasons).toContain(`${topic}/0: an open transaction hid offsets 1 to 4 from the replay`);
    await transaction.commit();
    expect(await replayed('--into', 'y.duckdb', ...reading(topic))).toMatchObject({ records_read: 5 });
  });

  test('until now is complete up to its look at the log, less the lateness', async () => {
    const topic = await kafka.createTopic('now');
    await kafka.produce(topic, many(3, 'a'));
    await replayed('--into', 'x.duckdb', ...reading(topic), '--clock-lateness-ms', '1000');
    const window = (to: number) => ['--time-from', '2020-01-01T00:00:00Z', '--time-to', new Date(to).toISOString()];
    const statusOf = async (to: number) =>
      JSON.parse(await run('export', '--db', 'x.duckdb', '--file-prefix', 'x_', ...window(to), '--json')).status;
    expect(await statusOf(Date.now() - 120_000)).toBe('complete');
    expect(await statusOf(Date.now())).toBe('provisional');
  });

  test('a time is the first record at or after it in each partition, and where times run backwards, the command says by how much', async () => {
    const topic = await kafka.createTopic('times', { partitions: 3 });
    const begin = Date.parse('2026-03-01T00:00:00Z');
    const minutes = [
      [0, 1, 5, 2, 6],
      [0, 1, 2],
    ];
    for (const [partition, times] of minutes.entries())
      await kafka.produce(
        topic,
        times.map(minute => ({
          ...started(`${partition}-${minute}`),
          partition,
          timestamp: String(begin + minute * 60_000),
        })),
      );
    const place = new Date(begin + 4 * 60_000).toISOString();
    const { partitions, notes } = await planned(...reading(topic), '--until', place);
    // No record is so late in the second partition, and the third is empty.
    expect(partitions.map(({ until }: { until: number }) => until)).toEqual([2, 3, 0]);
    expect(notes).toEqual([
      `${topic}/0: record times run backwards there: after offset 2 some are up to 120000 ms earlier`,
    ]);
    expect(await replayed('--into', 'then.duckdb', ...reading(topic), '--until', place)).toMatchObject({
      records_read: 5,
    });
    const from = await planned(...reading(topic), '--from', place, '--skew-ms', '60000');
    expect(from.partitions.map((each: { from: number }) => each.from)).toEqual([2, 3, 0]);
  });

  test('that was killed goes on with the same command', { timeout: 120_000 }, async () => {
    const topic = await kafka.createTopic('killed', { partitions: 3 });
    await kafka.produce(topic, new EventLoad({ topic, partitions: 3, services: 300, seed }).next(4_000));
    const args = ['replay', '--into', pathOf('x.duckdb'), ...reading(topic), '--batch-records', '50', '--json'];
    for (const afterMs of [1_200, 2_000, 4_500]) await tidemarkKilled([...args], afterMs);
    await replayed('--into', 'x.duckdb', ...reading(topic), '--batch-records', '50');
    expect(await storedAccounts(pathOf('x.duckdb'), topic)).toEqual(accountsOf(await readLog(kafka, topic)));
  });
});
