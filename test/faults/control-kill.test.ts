import { describe, expect, test } from 'vitest';
import { ControlPlace, exportRequest, StatusReader } from '../support/kafka/control-place.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { checkStatusesOf, lastStatuses } from '../support/kafka/status-checks.ts';
import { chosenSeed, seededRandom } from '../support/random.ts';
import { queryDatabase } from '../support/tables.ts';

const kafka = await sharedKafka();
const seed = chosenSeed();
const kills = 10;
const layouts = [{}, { format: 'json', compression: 'gzip', manifest: true }, { format: 'ndjson', compression: 'zip' }];

type Request = readonly [key: string | null, value: object | string | null];

/** What is asked between two kills: exports, one of them twice, one with other parameters, cancellations, and nonsense. */
function requestsOf(round: number, random: () => number): readonly Request[] {
  const id = (name: string) => `${name}-${round}`;
  const layout = layouts[Math.floor(random() * layouts.length)];
  const requests: Request[] = [
    exportRequest(id('one'), layout),
    exportRequest(id('two'), layout),
    exportRequest(id('one'), layout),
    exportRequest(id('two'), { ...layout, filter_state: 'inactive' }),
    exportRequest(id('cancelled'), layout),
    [id('cancelled'), { action: 'cancel' }],
    [id('unknown'), { action: 'cancel' }],
    [id('broken'), '{'],
    [null, `nobody's ${round}`],
  ];
  return random() < 0.5 ? requests : requests.toSpliced(2, 2);
}

/** Kills the service a random while after it began to serve, between whatever two steps that is. */
async function killOnce(place: ControlPlace, random: () => number): Promise<void> {
  const service = place.start('--exports-at-once', '2', '--export-queue', '2');
  await service.line(({ msg }) => msg === 'requests are read');
  const lines = Math.floor(random() * 12);
  const beginning = service.lines.length;
  const deadline = performance.now() + 2_000;
  while (service.lines.length < beginning + lines && performance.now() < deadline)
    await Promise.race([service.changed(), new Promise(resolve => setTimeout(resolve, 300))]);
  const until = performance.now() + random() * 25;
  while (performance.now() < until) await new Promise(resolve => setImmediate(resolve));
  await service.kill();
}

describe.skipIf(!kafka.available)('a service with a control topic', () => {
  test(`killed ${kills} times ends each request once, as its last status says, with all its files or none (seed ${seed})`, async () => {
    const random = seededRandom(seed);
    const place = await ControlPlace.make(kafka);
    const reader = await StatusReader.open(place);
    const asked: Request[] = [];
    for (let round = 0; round < kills; round += 1) {
      const requests = requestsOf(round, random);
      asked.push(...requests);
      await place.ask(...requests);
      await killOnce(place, random);
    }
    const last = place.start();
    await place.ask(exportRequest('last'));
    await reader.ended('last');
    const records = await queryAfterStop(place, last);

    const told = lastStatuses(reader.all);
    const files: string[] = [];
    for (const { id, state, names } of records) {
      expect([id, told.get(id)?.status], `seed ${seed}`).toEqual([id, state]);
      checkStatusesOf(id, reader.of(id));
      if (state === 'completed') files.push(...names.map(name => `${id}/${name}`));
    }
    expect(await place.files()).toEqual(files.toSorted());
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
    const exports = asked.flatMap(([id, value]) => (typeof value === 'object' && 'file_prefix' in value! ? [id] : []));
    expect(records.map(({ id }) => id).toSorted()).toEqual([...new Set(exports), 'last'].toSorted());
    for (const name of ['unknown', 'broken'])
      for (let round = 0; round < kills; round += 1)
        expect(
          lastStatuses(reader.of(`${name}-${round}`))
            .values()
            .next().value,
        ).toMatchObject({ sequence: 0, status: 'failed' });
  });
});

async function queryAfterStop(place: ControlPlace, service: ReturnType<ControlPlace['start']>) {
  expect(await service.stop()).toMatchObject({ code: 0 });
  return queryDatabase(place.db, async query => {
    const asked = (await place.kafka.offsets(place.topics.control))[0]?.high;
    expect(await query('SELECT next_offset FROM control_positions')).toEqual([[String(asked)]]);
    expect(await query('FROM outbox')).toEqual([]);
    expect(await query('SELECT reason, count(*) FROM quarantine GROUP BY 1')).toEqual([['MALFORMED', String(kills)]]);
    const rows = await query('SELECT request_id, state, plan FROM exports');
    return rows.map(([id, state, plan]) => {
      const { names }: { names: string[] } = JSON.parse(String(plan));
      return { id: String(id), state: String(state), names };
    });
  });
}
