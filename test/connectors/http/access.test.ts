import { execFile } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { roles } from '../../../connectors/http/access.ts';
import { lineOf, newToken } from '../../../ops/service/access.ts';
import { request, sendRaw } from '../../support/raw-http.ts';
import { type Served, serve } from '../../support/serving.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { tidemark, tidemarkDone } from '../../support/tidemark.ts';

const tokens = Object.fromEntries(roles.map(role => [role, newToken()])) as Record<(typeof roles)[number], string>;
const lines = roles.map(role => lineOf(`a-${role}`, role, tokens[role]));

const services = '/genesys/1/cs/maintenance/services';
const window = 'time_from=2014-01-01T00:00:00Z&time_to=2015-01-01T00:00:00Z';

/** Each route with its least role, and the status that a holder of that role gets. */
const routes = [
  ['GET', '/healthz', 'everyone', 200],
  ['GET', '/readyz', 'everyone', 200],
  ['GET', '/openapi.json', 'authenticated', 200],
  ['GET', '/manifest.schema.json', 'authenticated', 200],
  ['GET', '/docs/', 'authenticated', 200],
  ['GET', '/docs/static/swagger-ui.css', 'authenticated', 200],
  ['GET', '/nothing', 'authenticated', 404],
  ['GET', '/exports', 'reader', 200],
  ['GET', '/exports/x', 'reader', 404],
  ['GET', '/exports/x/files/y', 'reader', 404],
  ['GET', '/partitions', 'reader', 200],
  ['GET', `${services}/stream?${window}`, 'reader', 200],
  ['GET', '/genesys/1/cs/services/x', 'reader', 404],
  ['POST', `${services}/files`, 'exporter', 400],
  ['POST', `${services}/file`, 'exporter', 400],
  ['DELETE', '/exports/x', 'exporter', 404],
  ['GET', '/replays', 'reader', 200],
  ['GET', '/replays/x', 'reader', 404],
  ['POST', '/replays?until=manifest:x', 'operator', 400],
  ['DELETE', '/replays/x', 'operator', 404],
  ['POST', '/partitions/x/0/end', 'operator', 404],
  ['POST', '/partitions/x/end', 'operator', 404],
  ['GET', '/metrics', 'operator', 200],
  ['GET', '/status', 'operator', 200],
] as const;

test('each route is open to its role and those above (contract 5.14)', async () => {
  const served = await serve({
    lines: ['{"event":"service.started","service_id":"s"}'],
    settings: { http_tokens: lines },
  });
  const statusOf = async (method: string, route: string, token?: string) => {
    const headers = token === undefined ? [] : [`Authorization: Bearer ${token}`];
    return sendRaw(served.url, request(`${method} ${route}`, ...headers));
  };
  for (const [method, route, audience, status] of routes) {
    const nobody = await statusOf(method, route);
    expect([route, nobody.status]).toEqual([route, audience === 'everyone' ? status : 401]);
    if (audience !== 'everyone') {
      expect(nobody.headers.get('www-authenticate')).toBe('Bearer realm="tidemark"');
      expect((await statusOf(method, route, newToken())).status).toBe(401);
    }
    const least = roles.indexOf(audience as (typeof roles)[number]);
    for (const [rank, role] of roles.entries()) {
      const answer = await statusOf(method, route, tokens[role]);
      expect([route, role, answer.status]).toEqual([route, role, rank < least ? 403 : status]);
      if (rank < least) expect(JSON.parse(answer.body).message).toContain(`a token of the role ${audience}`);
    }
    expect((await statusOf(method, route, served.note.token)).status).toBe(status);
  }
  // The log has the names of clients, never their tokens.
  await served.stop();
  expect(served.log()).toContain('"client":"a-reader"');
  expect(served.log()).toContain('"client":"command line"');
  for (const token of [...Object.values(tokens), served.note.token]) expect(served.log()).not.toContain(token);
  expect(served.log()).not.toContain('time_from=');
});

test.each([
  ['basic authentication', `Basic ${btoa(`x:${tokens.operator}`)}`],
  ['no token', 'Bearer'],
  ['two tokens', `Bearer ${tokens.operator} ${tokens.operator}`],
  ['the hash instead of the token', `Bearer ${lines[2]?.split(':')[2]}`],
])('an Authorization header with %s is answered with 401', async (_, authorization) => {
  const served = await servedOnce();
  const answer = await sendRaw(served.url, request('GET /exports', `Authorization: ${authorization}`));
  expect([answer.status, JSON.parse(answer.body).exception]).toEqual([401, 'UNAUTHORIZED']);
});

let once: Promise<Served> | undefined;
const endings: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of endings) await end();
});
function servedOnce(): Promise<Served> {
  once ??= serve({ settings: { http_tokens: lines } }, end => endings.push(end));
  return once;
}

describe('without tokens', () => {
  // contract 5.14
  test('this machine may do everything, but no page of another site and no foreign host name', async () => {
    const served = await serve();
    const statusOf = async (...headers: readonly string[]) =>
      (await sendRaw(served.url, ['GET /status HTTP/1.1', 'Connection: close', ...headers, '', ''])).status;
    expect(await statusOf('Host: localhost')).toBe(200);
    expect(await statusOf('Host: localhost:8480', 'Origin: http://localhost:8480')).toBe(200);
    expect(await statusOf('Host: localhost', 'Sec-Fetch-Site: same-origin')).toBe(200);
    expect(await statusOf('Host: localhost', 'Sec-Fetch-Site: none'), 'an address typed by the user').toBe(200);
    expect(await statusOf('Host: evil.example')).toBe(403);
    expect(await statusOf('Host: localhost', 'Origin: http://evil.example')).toBe(403);
    expect(await statusOf('Host: localhost', 'Origin: null')).toBe(403);
    expect(await statusOf('Host: localhost:8480', 'Origin: http://localhost:3000')).toBe(403);
    expect(await statusOf('Host: localhost', 'Sec-Fetch-Site: cross-site')).toBe(403);
    expect(await statusOf('Host: localhost', `Authorization: Bearer ${newToken()}`)).toBe(401);
  });

  test('the server listens to other machines only with http_allow_anonymous', async () => {
    const folder = await temporaryFolder();
    const run = (...flags: readonly string[]) => tidemark(['run', '--log-folder', '.', ...flags], { cwd: folder.path });
    const { code, stderr } = await run('--http-host', '0.0.0.0');
    expect([code, stderr]).toEqual([
      78,
      expect.stringMatching(/http_host is "0\.0\.0\.0".*tidemark token.*CONFIG_INVALID/),
    ]);
    await folder.remove();
    const served = await serve({ settings: { http_host: '0.0.0.0', http_allow_anonymous: true } });
    expect((await sendRaw(served.url, ['GET /status HTTP/1.1', 'Host: x', 'Connection: close', '', ''])).status).toBe(
      200,
    );
  });
});

describe('a token', () => {
  test('of `tidemark token` is accepted from the tokens file; only its hash is in the line of the file', async () => {
    const made = JSON.parse(await tidemarkDone(['token', 'nightly', '--role', 'exporter', '--json']));
    const shown = await tidemarkDone(['token', 'nightly']);
    expect(shown).toMatch(/^token: [\w-]{43}\nline for .*: nightly:reader:[0-9a-f]{64}\n$/);
    const folder = await temporaryFolder();
    const file = path.join(folder.path, 'tokens');
    await writeFile(file, `# who may come in\n\n${made.line}\n`);
    const served = await serve({ settings: { http_tokens_file: file } });
    const headers = { authorization: `Bearer ${made.token}` };
    expect((await fetch(`${served.url}/exports`, { headers })).status).toBe(200);
    await folder.remove();
  });

  test.each([
    ['a token instead of its line', 'tokens', (token: string) => token, /line 1 of .* cannot be read/],
    ['a name twice', 'tokens', () => `${lines[0]}\n${lines[0]}`, /a-reader has two lines/],
    ['a missing path', 'nothing', () => '', /cannot be read/],
  ])('file with %s is refused, and the message does not show a token', async (_, name, content, why) => {
    const folder = await temporaryFolder();
    const token = newToken();
    await writeFile(path.join(folder.path, 'tokens'), content(token));
    const { code, stderr } = await tidemark(['run', '--log-folder', '.', '--http-tokens-file', name], {
      cwd: folder.path,
    });
    expect([code, stderr]).toEqual([78, expect.stringMatching(why)]);
    expect(stderr).not.toContain(token);
    await folder.remove();
  });

  test('for commands on this machine is in a file that only its user may read', async () => {
    const served = await servedOnce();
    expect((await stat(`${served.db}.server.json`)).mode & 0o777).toBe(0o600);
  });
});

test('a client with too many requests gets 429 for a while, except for /healthz', async () => {
  const served = await serve({ settings: { http_rate_limit: 3, http_tokens: lines } });
  const ask = (route: string, token: string) =>
    fetch(`${served.url}${route}`, { headers: { authorization: `Bearer ${token}` } });
  for (let i = 0; i < 3; i += 1) expect((await ask('/exports', tokens.reader)).status).toBe(200);
  const answer = await ask('/exports', tokens.reader);
  expect([answer.status, await answer.json()]).toEqual([
    429,
    { message: expect.stringContaining('3 requests a minute'), exception: 'RATE_LIMITED', code: 429 },
  ]);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await ask('/exports', tokens.operator)).status).toBe(200);
  for (let i = 0; i < 5; i += 1) expect((await ask('/healthz', tokens.reader)).status).toBe(200);
});

test('a client that guesses tokens gets 429 for a while; holders of tokens at the same address do not', async () => {
  const served = await serve({ settings: { http_rate_limit: 3, http_tokens: lines } });
  const ask = (token: string) => fetch(`${served.url}/exports`, { headers: { authorization: `Bearer ${token}` } });
  for (let i = 0; i < 3; i += 1) expect((await ask(`guess-${i}`)).status).toBe(401);
  const answer = await ask('guess-3');
  expect([answer.status, await answer.json()]).toMatchObject([429, { exception: 'RATE_LIMITED' }]);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await ask(tokens.reader)).status).toBe(200);
});

test('with TLS the server and the commands on this machine work', async () => {
  const folder = await temporaryFolder();
  const [cert, key] = [path.join(folder.path, 'cert.pem'), path.join(folder.path, 'key.pem')];
  const subject = ['-subj', '/CN=tidemark.example', '-days', '2', '-nodes', '-keyout', key, '-out', cert];
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject]);
  const served = await serve({ settings: { http_tls_cert_file: cert, http_tls_key_file: key } });
  expect(served.url).toMatch(/^https:/);
  const status = await new Promise(resolve => {
    https.get(`${served.url}/healthz`, { rejectUnauthorized: false }, answer => resolve(answer.resume().statusCode));
  });
  expect(status).toBe(200);
  const shown = JSON.parse(await tidemarkDone(['status', '--db', served.db, '--json']));
  expect(shown.source).toBe('the log log');
  await folder.remove();
});
