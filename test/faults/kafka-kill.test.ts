import { setTimeout as after } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EventLoad, produceUntilStopped } from '../support/kafka/load.ts';
import { accountsOf, readLog, storedAccounts } from '../support/kafka/read-log.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { chosenSeed, seededRandom } from '../support/random.ts';
import { Service } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const kafka = await sharedKafka();
/** One killed as it joined is a member of the group until its session is over: only then are partitions given out again. */
const patienceMs = 120_000;
const kills = process.env.SOAK ? 400 : 15;
/** What is produced meanwhile has to be read and checked at the end. */
const everyMs = process.env.SOAK ? 250 : 50;

describe.skipIf(!kafka.available)('tidemark run', () => {
  const seed = chosenSeed();

  test(`killed ${kills} times under load has applied every record once (seed ${seed})`, {
    timeout: 300_000 + kills * 6_000,
  }, async () => {
    const random = seededRandom(seed);
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const topic = await kafka.createTopic('kill', { partitions: 3 });
    const load = new EventLoad({ topic, partitions: 3, services: 900, seed });
    const producing = await produceUntilStopped(kafka, topic, { load, records: 60, everyMs });
    const group = kafka.uniqueTopic('group');
    const start = (...flags: readonly string[]) =>
      new Service({ folder: folder.path, brokers: kafka.brokers, topic, group, flags });

    let killedAtWork = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const service = start('--batch-records', '60');
      // One in five dies while it starts, the others somewhere between two transactions or inside one.
      if (random() < 0.2) await after(random() * 1_000);
      else {
        await service.line('batch stored', patienceMs);
        await after(random() * 200);
        killedAtWork += 1;
      }
      await service.kill();
    }
    await producing.stop();

    const last = start();
    await last.reachesOffsets(await kafka.offsets(topic), patienceMs);
    expect(await last.stop()).toMatchObject({ code: 0, stderr: '' });
    expect(killedAtWork).toBeGreaterThan(kills / 2);
    expect(await storedAccounts(last.db, topic)).toEqual(accountsOf(await readLog(kafka, topic)));
  });
});
