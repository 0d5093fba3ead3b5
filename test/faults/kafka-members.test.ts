import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../ops/local-kafka/waiting.ts';
import { EventLoad, poisonHeader, produceUntilStopped } from '../support/kafka/load.ts';
import { accountsOf, readLog, storedAccounts } from '../support/kafka/read-log.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { chosenSeed, seededRandom } from '../support/random.ts';
import { listed, type RawEvent, referenceFold, storedRows } from '../support/reference-fold.ts';
import { Service } from '../support/service.ts';
import { queryDatabase } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const kafka = await sharedKafka();
const stormMs = process.env.SOAK ? 30 * 60_000 : 15_000;
/** However slow the machine is, so often is one left and joined. */
const leastChanges = 5;
/** What is produced meanwhile has to be folded again at the end, for each member. */
const everyMs = process.env.SOAK ? 500 : 40;
/** One that was killed is a member until its session is over: as long may the others wait for their partitions. */
const patienceMs = 120_000;
const seed = chosenSeed();

async function makeFolder(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  return folder.path;
}

/**
 * A member of a group owns a partition for a while, and loses it: its database must then hold exactly the fold of what
 * it read of each partition, whichever member reads on.
 */
async function expectWholePrefixes(db: string, topic: string): Promise<void> {
  const log = await readLog(kafka, topic);
  const found = await queryDatabase(db, async query => ({
    rows: listed(await storedRows(query)),
    offsets: await query(
      `SELECT partition, next_offset, records_read FROM partitions WHERE topic = '${topic}' ORDER BY partition`,
    ),
  }));
  const read = found.offsets.map(row => row.map(Number)) as [number, number, number][];
  for (const [partition, nextOffset, recordsRead] of read)
    expect([partition, recordsRead]).toEqual([partition, nextOffset]);
  const events = read.flatMap(([partition, nextOffset]) =>
    log[partition]!.slice(0, nextOffset).filter(({ headers }) => headers?.[poisonHeader] === undefined),
  );
  expect(found.rows).toEqual(listed(referenceFold(events.map(({ value }) => JSON.parse(String(value)) as RawEvent))));
}

describe.skipIf(!kafka.available)('members of one group', () => {
  test(`that join and leave for ${stormMs / 1000} s: each database holds the first records without a gap, and the end of the log is reached (seed ${seed})`, {
    timeout: stormMs + 300_000,
  }, async () => {
    const random = seededRandom(seed);
    const topic = await kafka.createTopic('storm', { partitions: 6 });
    const group = kafka.uniqueTopic('group');
    const load = new EventLoad({ topic, partitions: 6, services: 900, seed });
    const producing = await produceUntilStopped(kafka, topic, { load, records: 60, everyMs });
    const root = await makeFolder();
    const start = (member: number) =>
      new Service({ folder: path.join(root, `member-${member}`), brokers: kafka.brokers, topic, group });
    const members = [start(0), start(1), start(2)];
    const until = Date.now() + stormMs;
    let changes = 0;
    while (Date.now() < until || changes < leastChanges) {
      const member = Math.floor(random() * members.length);
      await members[member]!.line('partitions were assigned', patienceMs);
      await after(random() * 1_500);
      if (random() < 0.3) await members[member]!.kill();
      else expect(await members[member]!.stop()).toMatchObject({ code: 0 });
      members[member] = start(member);
      changes += 1;
    }
    await producing.stop();
    const ends = await kafka.offsets(topic);
    await waitFor(
      'the owners of all partitions to reach the end',
      async () => {
        const statuses = await Promise.all(members.map(member => member.status()));
        const reached = ends.every(({ partition, high }) =>
          statuses.some(({ partitions }) =>
            partitions.some(of => of.partition === partition && of.log_end !== null && of.stored_offset === high),
          ),
        );
        return reached ? true : null;
      },
      90_000,
    );
    for (const member of members) expect(await member.stop()).toMatchObject({ code: 0 });
    for (const { db } of members) await expectWholePrefixes(db, topic);
  });

  test(`one of which was frozen until its session ended: it continues at its stored position (seed ${seed})`, {
    timeout: 150_000,
  }, async () => {
    const topic = await kafka.createTopic('frozen', { partitions: 3 });
    const group = kafka.uniqueTopic('group');
    const load = new EventLoad({ topic, partitions: 3, services: 900, seed });
    const producing = await produceUntilStopped(kafka, topic, { load, records: 60, everyMs: 30 });
    const root = await makeFolder();
    const frozen = new Service({ folder: path.join(root, 'frozen'), brokers: kafka.brokers, topic, group });
    await frozen.line('batch stored');
    frozen.freeze();
    const other = new Service({ folder: path.join(root, 'other'), brokers: kafka.brokers, topic, group });
    // All partitions are the other's only when the session of the frozen one is over.
    await other.reaches(
      'to own every partition',
      ({ partitions }) => partitions.filter(of => of.log_end !== null).length === 3,
    );
    // Whoever takes the frozen one for dead cannot have its database: it still holds the lock.
    const successor = new Service({ folder: path.join(root, 'frozen'), brokers: kafka.brokers, topic, group });
    expect(await successor.ended).toMatchObject({ code: 75, stderr: expect.stringContaining('WAREHOUSE_LOCKED') });
    const before = frozen.lines.length;
    frozen.thaw();
    await waitFor('the thawed one to be assigned anew', async () =>
      frozen.lines.slice(before).some(({ msg }) => msg === 'partitions were assigned') ? true : null,
    );
    await producing.stop();
    expect(await other.stop()).toMatchObject({ code: 0 });
    await frozen.reachesOffsets(await kafka.offsets(topic));
    expect(await frozen.stop()).toMatchObject({ code: 0 });
    expect(await storedAccounts(frozen.db, topic)).toEqual(accountsOf(await readLog(kafka, topic)));
    await expectWholePrefixes(other.db, topic);
  });
});
