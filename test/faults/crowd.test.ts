import { describe, expect, test } from 'vitest';
import { ControlPlace, exportRequest, StatusReader } from '../support/kafka/control-place.ts';
import { sharedKafka } from '../support/kafka/shared.ts';
import { checkStatusesOf, lastStatuses } from '../support/kafka/status-checks.ts';
import { queryDatabase } from '../support/tables.ts';
import { startTidemark } from '../support/tidemark.ts';

const kafka = await sharedKafka();

type Parameters = Readonly<Record<string, string>>;
const layouts: readonly Parameters[] = [{}, { format: 'json', compression: 'gzip' }, { format: 'ndjson' }];

const named = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}-${at}`);
const byHttp = named('http', 90);
const byTopic = named('topic', 78);
const byCommand = named('command', 8);
/** Asked for by HTTP and on the topic, with the same parameters: one request each. */
const byBoth = named('both', 12);

/** An export into a folder named after its request, in a layout that depends on its number. */
function parametersOf(id: string): Parameters {
  const [, { action: _action, ...parameters }] = exportRequest(id) as unknown as [string, Record<string, string>];
  return { ...parameters, ...layouts[Number(/\d+$/.exec(id)?.[0]) % layouts.length] };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Every other one waits for its files. */
async function postExport(url: string, id: string, at: number): Promise<Answer> {
  const route = `${url}/genesys/1/cs/maintenance/services/files?${new URLSearchParams(parametersOf(id))}`;
  const headers = { 'idempotency-key': id, ...(at % 2 === 0 ? { prefer: 'respond-async' } : {}) };
  const answer = await fetch(route, { method: 'POST', headers });
  return { status: answer.status, body: await answer.json() };
}

async function exportByCommand(place: ControlPlace, id: string): Promise<Answer> {
  const flags = Object.entries(parametersOf(id)).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, value]);
  const { child, ended } = startTidemark(['export', '--db', place.db, '--request-id', id, ...flags, '--json']);
  child.stdin.end();
  const { code, stdout, stderr } = await ended;
  return { status: code ?? -1, body: code === 0 ? JSON.parse(stdout) : stderr };
}

/** All ask at once; gives what HTTP and the command line were answered. */
function askAll(place: ControlPlace, url: string) {
  const request = (id: string) => [id, { action: 'export', ...parametersOf(id) }] as const;
  return Promise.all([
    Promise.all([...byHttp, ...byBoth].map((id, at) => postExport(url, id, at))),
    Promise.all(byCommand.map(id => exportByCommand(place, id))),
    place.ask(...[...byTopic, ...byBoth].map(request)),
  ]);
}

interface Recorded {
  readonly id: string;
  readonly state: string;
  readonly names: readonly string[];
}

async function recorded(place: ControlPlace): Promise<readonly Recorded[]> {
  const rows = await queryDatabase(place.db, async query => {
    expect(await query('FROM outbox')).toEqual([]);
    return query('SELECT request_id, state, plan FROM exports ORDER BY 1');
  });
  return rows.map(([id, state, plan]) => {
    const { names } = JSON.parse(String(plan)) as { names: readonly string[] };
    return { id: String(id), state: String(state), names };
  });
}

describe.skipIf(!kafka.available)('two hundred concurrent requests at three doors', () => {
  test('each end once, have files if and only if they are completed, and have the status that is recorded', async () => {
    const place = await ControlPlace.make(kafka, 3);
    const service = place.start('--exports-at-once', '4', '--export-queue', '250');
    const reader = await StatusReader.open(place);
    await service.line(({ msg }) => msg === 'requests are read');
    const url = await service.url();
    const asking = askAll(place, url);
    // Some are not wanted any more while all are on their way: whichever comes first, they end once.
    const unwanted = [...byTopic.slice(-12), ...byBoth.slice(-3)];
    for (const id of unwanted) await reader.until(id, ({ sequence }) => sequence > 0);
    const cancelling = unwanted.map(id => fetch(`${url}/exports/${id}`, { method: 'DELETE' }));
    const cancelled = await Promise.all(cancelling);
    expect(cancelled.filter(({ status }) => status !== 200 && status !== 409)).toEqual([]);
    const [answers, commands] = await asking;
    expect(answers.filter(({ status }) => status !== 200 && status !== 202 && status !== 409)).toEqual([]);
    expect(commands.filter(({ status }) => status !== 0)).toEqual([]);

    const all = [...byHttp, ...byTopic, ...byCommand, ...byBoth].toSorted();
    const ended = await Promise.all(all.map(id => reader.ended(id)));
    expect(await service.stop()).toMatchObject({ code: 0 });
    const records = await recorded(place);
    expect(records.map(({ id }) => id)).toEqual(all);
    expect(records.filter(({ state }) => state !== 'completed' && state !== 'cancelled')).toEqual([]);
    expect(records.filter(({ state, id }) => state === 'cancelled' && !unwanted.includes(id))).toEqual([]);
    expect(ended.map(({ request_id, status }) => [request_id, status])).toEqual(
      records.map(({ id, state }) => [id, state]),
    );
    const told = lastStatuses(reader.all);
    for (const { id, state, names } of records) {
      checkStatusesOf(id, reader.of(id));
      const created = state === 'completed' ? names.map(name => `${id}/${name}`) : [];
      expect([id, told.get(id)?.created]).toEqual([id, created]);
    }
    expect(await place.files()).toEqual(records.flatMap(({ id }) => told.get(id)?.created ?? []).toSorted());
  }, 300_000);
});
