import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isJsonObject, type JsonObject, parseJson } from '../../../schemas/json/json.ts';
import { goldenLines } from '../../support/golden.ts';
import { request, sendRaw } from '../../support/raw-http.ts';
import { type Served, serve } from '../../support/serving.ts';

const services = '/genesys/1/cs/maintenance/services';
const window = 'time_from=1970-01-01T00:00:00Z&time_to=2200-12-31T00:00:00Z';
const odd = ['a/b', '../x', 'ü%2f"\\', 'https://x?y=1#z', ' ', '__proto__'];
const big = '900719925474099312345678901234567890';
const endings: (() => Promise<void>)[] = [];
let served: Served;

const event = (members: object) => JSON.stringify(members);
const started = (service_id: string) =>
  event({ event: 'service.started', service_id, timestamp: '2020-01-01T00:00:00Z' });
beforeAll(async () => {
  const lines = [
    ...goldenLines('messy/events.ndjson').filter(line => line.length > 0),
    ...odd.map(started),
    event({ event: 'service.associated', service_id: 'no window has it', customer_id: 1 }),
    `{"event":"service.started","service_id":"numbers","timestamp":"2020-01-01T00:00:00Z","extensions":{"n":${big},"d":1.50,"e":1e3}}`,
    ...['open', 'done'].map(state_id =>
      event({ event: 'state.started', service_id: 'whole', state_id, timestamp: '2020-01-01T00:00:00Z' }),
    ),
    event({ event: 'state.completed', service_id: 'whole', state_id: 'done', timestamp: '2020-01-01T00:00:09Z' }),
    ...['in', 'out'].map(task_id =>
      event({
        event: 'task.started',
        service_id: 'whole',
        task_id,
        timestamp: '2020-01-01T00:00:00Z',
        ...(task_id === 'in' ? { state_id: 'open' } : {}),
      }),
    ),
    started('whole'),
  ];
  served = await serve({ lines }, end => endings.push(end));
});
afterAll(async () => {
  for (const end of endings) await end();
});

const get = (route: string) => sendRaw(served.url, request(`GET ${route}`));
const exported = async (query: string): Promise<string> => {
  const answer = await fetch(`${served.url}${services}/files?${query}&file_prefix=s_&format=json`, { method: 'POST' });
  const [name] = (await answer.json()) as [string];
  return readFile(path.join(served.root, name), 'utf8');
};
const streamed = async (query: string) => (await fetch(`${served.url}${services}/stream?${query}`)).text();

describe('a stream (contract 5.11)', () => {
  test.each([
    ['all services', window],
    ['completed services', `${window}&filter_events=completed&filter_state=inactive`],
    ['active services', `${window}&filter_state=active`],
    ['no services', 'time_from=1971-01-01T00:00:00Z&time_to=1971-01-02T00:00:00Z'],
  ])('of %s has the bytes of the export, and a stream of ids has its order', async (_, query) => {
    const file = await exported(query);
    expect(await streamed(`${query}&export_content=true`)).toBe(file);
    const ids = (parseJson(file) as readonly JsonObject[]).map(service => service.get('service_id'));
    expect(JSON.parse(await streamed(query))).toEqual(ids);
  });

  test('reports all faults at once', async () => {
    const { status, body } = await get(
      `${services}/stream?time_to=x&time_to=y&filter_state=old&export_content=1&format=csv`,
    );
    expect([status, JSON.parse(body).message.split('; ').toSorted()]).toEqual([
      400,
      [
        'export_content is "1"; allowed is true, false',
        'filter_state is "old"; allowed is any, active, inactive',
        'format is not a parameter; allowed are time_from, time_to, filter_events, filter_state, export_content',
        'time_from is required',
        'time_to is given 2 times; allowed is once',
      ]
        .flatMap(fault => fault.split('; '))
        .toSorted(),
    ]);
  });
});

describe('one service', () => {
  const find = async (id: string, query = '') => {
    const { status, body } = await get(`/genesys/1/cs/services/${encodeURIComponent(id)}${query}`);
    expect([id, status]).toEqual([id, 200]);
    const service = parseJson(body);
    return isJsonObject(service) ? { body, service } : expect.unreachable();
  };

  test.each(odd)('with the id %j is found', async id => {
    expect((await find(id)).service.get('service_id')).toBe(id);
  });

  test('without a time, which no window selects, is found', async () => {
    expect((await find('no window has it')).service.get('customer_id')).toBe('1');
  });

  test('keeps the spelling of numbers', async () => {
    expect((await find('numbers')).body).toContain(`"extensions":{"n":${big},"d":1.50,"e":1e3}`);
  });

  // contract 4.16, 5.11
  test('with all its arrays is the same text as in the export', async () => {
    const all = '?active_states=true&completed_states=true&active_tasks=true&completed_tasks=true';
    const lines = (await exported(window)).split('\n').slice(1, -2);
    for (const line of [lines[0]!, lines.at(-1)!, lines.find(line => line.includes('"whole"'))!]) {
      const text = line.replace(/,$/, '');
      const id = (parseJson(text) as JsonObject).get('service_id') as string;
      expect((await find(id, all)).body).toBe(text);
    }
  });

  // contract 5.11
  test.each([
    ['', []],
    ['?active_states=true', ['active_states']],
    ['?completed_states=true&active_tasks=false', ['completed_states']],
    ['?active_tasks=true', ['active_tasks']],
  ])('has exactly the requested arrays: %s', async (query, arrays) => {
    const { service, body } = await find('whole', query);
    expect([...service.keys()].filter(name => /_(states|tasks)$/.test(name))).toEqual(arrays);
    expect(body.includes('"task_id":"in"')).toBe(false);
  });

  test('with an unknown id is answered with 404', async () => {
    for (const id of ['nobody', 'a%00b', "x' OR 1=1 --"]) {
      const { status, body } = await get(`/genesys/1/cs/services/${id.replaceAll(' ', '%20')}`);
      expect([status, JSON.parse(body).exception]).toEqual([404, 'SERVICE_UNKNOWN']);
    }
  });
});
