import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goldenLines, goldenPath } from '../../support/golden.ts';
import { request, sendRaw } from '../../support/raw-http.ts';
import { type Served, serve } from '../../support/serving.ts';

const address = '/genesys/1/cs/maintenance/services';
const window = 'time_from=2014-01-01T12:00:00.000Z&time_to=2015-01-01T18:00:00.000Z';
const endings: (() => Promise<void>)[] = [];
let served: Served;
beforeAll(async () => {
  const settings = { prefix_map: { 'C:/export': 'genesys' } };
  served = await serve({ lines: goldenLines('seed/events.ndjson'), settings }, end => endings.push(end));
});
afterAll(async () => {
  for (const end of endings) await end();
});

const post = (query: string, ...headers: readonly string[]) =>
  sendRaw(served.url, request(`POST ${address}/files?${query}`, ...headers));
const refusalOf = async (answer: ReturnType<typeof post>) => JSON.parse((await answer).body);

describe("a client of the source system, with the example of that system's documentation", () => {
  // contract 5.8, 5.10
  test('gets paths with its own spelling of the prefix, and files with the rows of that documentation', async () => {
    const line = `POST ${address}/file?${window}&file_prefix=C:/export&format=csv`;
    const answer = await sendRaw(served.url, request(line, 'Content-Length: 0'));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    const paths: string[] = JSON.parse(answer.body);
    const stamp = paths[0]?.slice('C:/export'.length, -'_services.csv'.length);
    expect(stamp).toMatch(/^\d{8}_\d{6}_\d{3}$/);
    expect(paths).toEqual(['services', 'states', 'tasks'].map(kind => `C:/export${stamp}_${kind}.csv`));
    for (const kind of ['services', 'states', 'tasks']) {
      const written = await readFile(path.join(served.root, 'genesys', `${stamp}_${kind}.csv`), 'utf8');
      expect(written).toBe(await readFile(goldenPath(`seed/${kind}.csv`), 'utf8'));
    }
  });

  // contract 5.10
  test.each([
    ['no content type and no length', []],
    ['an empty JSON body', ['Content-Type: application/json', 'Content-Length: 0']],
    ['an empty form', ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 0']],
    ['an empty body in chunks', ['Content-Type: text/plain', 'Transfer-Encoding: chunked', '', '0']],
    ['an invalid content type', ['Content-Type: ;;', 'Content-Length: 0']],
  ])('may send %s', async (_, headers) => {
    expect((await post(`${window}&file_prefix=body_`, ...headers)).status).toBe(200);
  });

  test('may send a time zone with a plus that is not encoded', async () => {
    const query = 'time_from=2014-01-01T12:00:00+02:00&time_to=2014-01-01T13:00:00+02:00&file_prefix=zone_';
    expect((await post(query)).status).toBe(200);
  });

  test('may use non-ASCII letters in a prefix, whose folders are made', async () => {
    const answer = await post(`${window}&file_prefix=${encodeURIComponent('täglich/ein Export_')}&format=json`);
    const [made] = JSON.parse(answer.body);
    expect(made).toMatch(/^täglich\/ein Export_\d{8}_\d{6}_\d{3}_services\.json$/);
    expect(await readdir(path.join(served.root, 'täglich'))).toEqual([path.basename(made)]);
  });
});

describe('all faults are reported at once:', () => {
  test('those of the parameters, in the form of all refusals', async () => {
    const answer = await post(
      'time_to=x&filter_events=all&filter_state=old&file_prefix=../out&format=xml&compression=rar&separator=a&header=maybe&extensions=many&manifest=1&wait=long&bogus=1&__proto__=2',
    );
    const { message, ...rest } = JSON.parse(answer.body);
    expect([answer.status, rest]).toEqual([400, { exception: 'REQUEST_INVALID', code: 400 }]);
    for (const name of 'time_from time_to filter_events filter_state format compression separator header extensions manifest wait file_prefix'.split(
      ' ',
    ))
      expect(message).toMatch(new RegExp(`(^|; )${name} (is|"\\.\\./out")`));
    expect(message).toContain('bogus is not a parameter');
    expect(message).toContain('__proto__ is not a parameter');
    expect(await readdir(served.folder)).not.toContain('out');
  });

  test('repeated parameters, a body, and an invalid request id (contract 5.3, 5.9)', async () => {
    const query = `${window}&time_to=2016-01-01T00:00:00Z&file_prefix=a&file_prefix=b&file_prefix=c`;
    const lines = request(`POST ${address}/files?${query}`, 'Content-Length: 2', `Idempotency-Key: ${'x'.repeat(257)}`);
    const { message } = JSON.parse((await sendRaw(served.url, [...lines.slice(0, -1), '{}'])).body);
    expect(message.split('; ')).toEqual(
      [
        'time_to is given 2 times; allowed is once',
        'file_prefix is given 3 times; allowed is once',
        'the body is not empty; parameters go into the query',
        `the request id "${'x'.repeat(64)}… (257 bytes)" cannot be used; allowed are 1 to 256 bytes of UTF-8 without control characters, and neither . nor ..`,
      ].flatMap(fault => fault.split('; ')),
    );
  });
});

describe('a prefix that leaves the root', () => {
  test.each([
    ['with dots', '../x', 'holds the component'],
    ['with encoded dots', '%2e%2e%2fx', 'holds the component'],
    ['to another root', '/etc/x', 'is outside the export root'],
    ['with an unmapped drive', 'D:/x', 'prefix_map'],
    ['or holds a NUL', 'a%00b', 'control character'],
    ['or is not UTF-8', '%ff', 'not UTF-8'],
    ['or begins like hidden files', '.tidemark-x', 'hidden files begin so'],
  ])('%s is refused, and the message does not show the root', async (_, prefix, why) => {
    const { message, exception, code } = await refusalOf(post(`${window}&file_prefix=${prefix}`));
    expect([exception, code]).toEqual([prefix === '%ff' ? 'REQUEST_INVALID' : 'PREFIX_REFUSED', 400]);
    expect(message).toContain(why);
    expect(message).not.toContain(served.folder);
  });
});

describe('request ids', () => {
  const query = `${window}&file_prefix=again_&format=json`;

  test('the same id with the same parameters gives the same result, with other parameters a conflict', async () => {
    const first = await post(query, 'Idempotency-Key: nightly 1');
    const second = await post(query, 'Idempotency-Key: nightly 1');
    expect([second.status, second.body]).toEqual([200, first.body]);
    expect(second.headers.get('x-request-id')).toBe('nightly 1');
    expect((await readdir(served.root)).filter(name => name.startsWith('again_'))).toHaveLength(1);
    const { exception, code } = await refusalOf(post(`${query}&header=true`, 'Idempotency-Key: nightly 1'));
    expect([exception, code]).toEqual(['REQUEST_CONFLICT', 409]);
  });

  test('without an id the service makes one and returns it (contract 5.3)', async () => {
    const { headers } = await post(query);
    const id = headers.get('x-request-id');
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('location')).toBe(`/exports/${id}`);
  });

  test('an id beyond ASCII is read and returned as UTF-8, and addresses the export (contract 5.3)', async () => {
    const id = 'nächtlich/😀';
    const spelled = Buffer.from(id).toString('latin1');
    const { status, headers } = await post(query, `Idempotency-Key: ${spelled}`);
    expect([status, headers.get('x-request-id')]).toEqual([200, spelled]);
    const report = await fetch(`${served.url}${headers.get('location')}`);
    expect(await report.json()).toMatchObject({ request_id: id, state: 'completed' });
  });

  test('an id that is not UTF-8 is refused', async () => {
    const { message, code } = await refusalOf(post(query, 'Idempotency-Key: \xff'));
    expect([code, message]).toEqual([400, 'Idempotency-Key is invalid; allowed is one header in UTF-8']);
  });

  test('two concurrent requests with one id are one export', async () => {
    const both = await Promise.all([1, 2].map(() => post(query, 'Idempotency-Key: twins')));
    expect(both[0]?.body).toBe(both[1]?.body);
  });
});

describe('a request that no route takes (contract 5.15):', () => {
  test.each([
    ['an unknown address', 404, request('GET /nothing')],
    ['an unsupported method', 405, request(`GET ${address}/files`)],
    ['an address that is not UTF-8', 400, request('GET /exports/%ff')],
    ['a request without a Host', 400, ['GET /exports HTTP/1.1', 'Connection: close', '', '']],
    ['an unknown expectation', 417, request('GET /exports', 'Expect: a-miracle')],
    ['bytes that are not HTTP', 400, ['nonsense', '', '']],
    ['an address that is too long', 431, request(`GET /exports?${'x'.repeat(20_000)}`)],
    ['a body that is too large', 413, request(`POST ${address}/files`, `Content-Length: ${2 << 20}`)],
  ])('%s is answered with %i in the form of all refusals', async (_, status, lines) => {
    const { status: answered, body } = await sendRaw(served.url, lines);
    expect(answered).toBe(status);
    expect(JSON.parse(body)).toEqual({ message: expect.any(String), exception: 'REQUEST_INVALID', code: status });
  });

  test('405 names the supported methods', async () => {
    const { headers } = await sendRaw(served.url, request('PUT /exports/x'));
    expect(headers.get('allow')).toBe('DELETE, GET, HEAD');
  });
});
