import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlPlace, StatusReader } from '../../support/kafka/control-place.ts';
import { sharedKafka } from '../../support/kafka/shared.ts';
import { type RawAnswer, request, sendRaw } from '../../support/raw-http.ts';
import { type Served, serve } from '../../support/serving.ts';

/** A path of this machine, a stack, SQL, or an error text of DuckDB. No sent value contains such text. */
const leak = /\/(tmp|home|root|work|usr)\b|at .*\(.*:\d+:\d+\)|SELECT |INSERT |Binder Error|Parser Error/;

const services = '/genesys/1/cs/maintenance/services';
const valid: Readonly<Record<string, string>> = {
  time_from: '2014-01-01T00:00:00Z',
  time_to: '2015-01-01T00:00:00Z',
  file_prefix: 'leaks_',
};
const hostile = [
  ...["'", '"; DROP TABLE services; --', "' OR 1=1 --", '\0', '../../etc/passwd', '/etc/passwd', 'C:\\export\\x', '$1'],
  ...['{{table}}', '[object Object]', '__proto__', '-1', '9'.repeat(400), 'x'.repeat(3_000), '2026-02-30T00:00:00Z'],
  ...['0000-01-01T00:00:00Z', '\u2028\ufeff\u{1f4a5}', '.', '..', ''],
].map(encodeURIComponent);
/** Invalid percent encoding. */
const broken = ['%ff', '%', '%zz', '%c0%af'];

interface Operation {
  readonly method: string;
  readonly route: string;
  readonly pathParameters: readonly string[];
  readonly queryParameters: readonly string[];
}

const endings: (() => Promise<void>)[] = [];
let served: Served;
beforeAll(async () => {
  served = await serve({ settings: { http_rate_limit: 0 } }, end => endings.push(end));
});
afterAll(async () => {
  for (const end of endings) await end();
});

/** Every route with its parameters, as the service itself describes them. */
async function operations(): Promise<readonly Operation[]> {
  interface Described {
    readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  }
  const document = (await (await fetch(`${served.url}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  };
  return Object.entries(document.paths).flatMap(([route, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => {
      const namesIn = (place: string) => parameters.filter(of => of.in === place).map(({ name }) => name);
      return {
        method: method.toUpperCase(),
        route,
        pathParameters: namesIn('path'),
        queryParameters: namesIn('query'),
      };
    }),
  );
}

/** One request for each parameter that has the value, with valid values for the others. */
function requestsWith(value: string, { method, route, pathParameters, queryParameters }: Operation) {
  const pathOf = (given: Readonly<Record<string, string>>) =>
    route.replaceAll(/\{(\w+)\}/g, (_, name: string) => given[name] ?? 'x');
  const queryOf = (given: Readonly<Record<string, string>>) => {
    const known = Object.entries(valid).filter(([name]) => queryParameters.includes(name));
    const all = Object.entries({ ...Object.fromEntries(known), ...given });
    return all.map(([name, text]) => `${name}=${text}`).join('&');
  };
  return [
    ...pathParameters.map(name => `${method} ${pathOf({ [name]: value })}?${queryOf({})}`),
    ...[...queryParameters, 'unknown'].map(name => `${method} ${pathOf({})}?${queryOf({ [name]: value })}`),
    `${method} ${pathOf({})}/${value}`,
  ].map(line => request(line));
}

function headersWith(value: string): readonly (readonly string[])[] {
  const names = ['Idempotency-Key', 'Prefer', 'Range', 'If-Range', 'If-None-Match', 'Authorization', 'Host', 'Origin'];
  const query = new URLSearchParams(valid);
  return names.map(name => request(`POST ${services}/files?${query}`, `${name}: ${value}`));
}

type Refused = readonly [line: string, answer: RawAnswer];

/** Sends all requests at once. Returns the refusals with the first line of their requests. */
async function refusedOf(requests: readonly (readonly string[])[]): Promise<readonly Refused[]> {
  const answers = await Promise.all(
    requests.map(async lines => [lines[0]!, await sendRaw(served.url, lines)] as const),
  );
  return answers.filter(([, { status }]) => !(status < 400));
}

function expectNoLeak(refused: readonly Refused[]): void {
  for (const [line, { headers, body }] of refused) {
    expect(body, line).not.toMatch(leak);
    expect([...headers.values()].join('\n'), line).not.toMatch(leak);
    expect(body, line).not.toContain(served.folder);
  }
}

const reports = async () => (await fetch(`${served.url}/exports?limit=1000`)).text();

test('no refusal shows paths, code or texts of the database, whatever is sent to a route', async () => {
  const all = await operations();
  expect(all.length).toBeGreaterThan(12);
  for (const operation of all) {
    const refused: Refused[] = [];
    for (const value of [...hostile, ...broken]) refused.push(...(await refusedOf(requestsWith(value, operation))));
    expect(refused.length, `${operation.method} ${operation.route}`).toBeGreaterThan(0);
    expectNoLeak(refused);
  }
  expectNoLeak(await refusedOf(['\u00ff', "'; --", 'x'.repeat(3_000), 'bytes=9-1', '"'].flatMap(headersWith)));
  expect(await reports()).not.toMatch(leak);
});

describe('no refusal shows them either when the service fails:', () => {
  const ask = (id: string, more = '') =>
    request(`POST ${services}/files?${new URLSearchParams(valid)}${more}`, `Idempotency-Key: ${id}`);

  test('without the folder of the database’s pipes', async () => {
    const staging = `${served.db}.staging`;
    await rename(staging, `${staging}.away`);
    const refused = await refusedOf([
      ask('no-pipe'),
      ask('no-pipe-json', '&format=json'),
      request(`GET ${services}/stream?time_from=${valid.time_from}&export_content=true`),
    ]);
    await rename(`${staging}.away`, staging);
    expect(refused.map(([, { status }]) => status)).toEqual([500, 500, 500]);
    expectNoLeak(refused);
  });

  test('without the export root and an exported file', async () => {
    const made = await sendRaw(served.url, ask('whole'));
    const [file] = JSON.parse(made.body) as readonly string[];
    await rename(served.root, `${served.root}.away`);
    await writeFile(served.root, '');
    const refused = await refusedOf([ask('no-root'), request(`GET /exports/whole/files/${path.basename(file!)}`)]);
    await rm(served.root);
    await rename(`${served.root}.away`, served.root);
    expect(refused).toHaveLength(2);
    expectNoLeak(refused);
  });

  test('and the reports of these exports do not show them later', async () => {
    expect(JSON.parse(await reports()).filter(({ state }: { state: string }) => state === 'failed')).not.toEqual([]);
    expect(await reports()).not.toMatch(leak);
  });
});

const kafka = await sharedKafka();

test.skipIf(!kafka.available)('no status on the status topic shows them', async () => {
  const place = await ControlPlace.make(kafka);
  const service = place.start();
  const statuses = await StatusReader.open(place);
  const window = { action: 'export', ...valid };
  const texts = hostile.map(decodeURIComponent).filter(text => text !== '');
  const bad = texts.flatMap((text, at) =>
    Object.keys(window).map(name => [`${name}-${at}`, { ...window, [name]: text }] as const),
  );
  await place.ask(...bad, ['no-json', "{'; --"], ['unknown', { ...window, "'": '"' }]);
  for (const [id] of [...bad, ['unknown'] as const])
    await statuses.until(id, ({ status }) => status === 'completed' || status === 'failed');
  const failed = statuses.all.filter(({ status }) => status === 'failed');
  expect(failed.length).toBeGreaterThan(texts.length);
  for (const status of failed) expect(JSON.stringify(status)).not.toMatch(leak);
  expect(await service.stop()).toMatchObject({ code: 0 });
});
