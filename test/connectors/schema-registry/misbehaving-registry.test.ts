import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { startedWith } from '../../support/avro-events.ts';
import { sharedRegistry } from '../../support/kafka/shared.ts';
import { registryProxy } from '../../support/registry-proxy.ts';
import { inTrouble, never, openRegistry, register } from '../../support/schema-registry.ts';

const shared = await sharedRegistry();

describe.skipIf(!shared.available)('requests are repeated to a registry', () => {
  const refuse = (status: number, content: string) => (_: unknown, response: ServerResponse) => {
    response.writeHead(status).end(content);
    return true;
  };
  test.each([
    [
      'that does not accept the account',
      refuse(401, '{"error_code":401,"message":"Unauthorized"}'),
      /denies access with status 401; check registry_username and registry_password/,
    ],
    ['that denies the right', refuse(403, ''), /denies access with status 403/],
    ['that is starting', refuse(503, 'starting'), /status 503 is not an answer of a schema registry/],
    ['with an internal error', refuse(500, '{"error_code":50001,"message":"store"}'), /status 500/],
    ['that limits the rate', refuse(429, '{"error_code":429,"message":"slow"}'), /status 429/],
    ['at a wrong address', refuse(404, 'Not Found'), /status 404.*check registry_url/],
    [
      'at a wrong path of the registry',
      refuse(404, '{"error_code":404,"message":"HTTP 404 Not Found"}'),
      /status 404 and no schema: HTTP 404 Not Found; check registry_url/,
    ],
    ['behind a web page', refuse(200, '<html>'), /status 200 is not an answer of a schema registry/],
    ['behind another JSON service', refuse(200, '{"hello":1}'), /status 200 and no schema/],
    ['that redirects', refuse(302, ''), /status 302/],
    [
      'that closes the connection',
      (request: IncomingMessage) => request.socket.destroy() !== undefined,
      /socket hang up/,
    ],
  ])('%s', async (_, misbehave, problem) => {
    const id = await register(shared.url, startedWith());
    let wrong = true;
    const { url, asked } = await registryProxy({
      url: shared.url,
      misbehave: (request, response) => wrong && misbehave(request, response),
    });
    const opened = openRegistry(url, { account: { username: 'alice', password: 'hunter2' } });
    const waiting = opened.registry.schemaOf(id, never);
    expect(await inTrouble(opened)).toMatch(problem);
    expect(opened.registry.problem).not.toContain('hunter2');
    wrong = false;
    expect(await waiting).toMatchObject({ type: 'AVRO' });
    expect(opened.problems).toEqual([expect.any(String), null]);
    expect(asked.length).toBeGreaterThan(1);
  });

  test('with the account in each request', async () => {
    const id = await register(shared.url, startedWith());
    const given: (string | undefined)[] = [];
    const { url } = await registryProxy({
      url: shared.url,
      misbehave: request => {
        given.push(request.headers.authorization);
        return false;
      },
    });
    await openRegistry(url, { account: { username: 'alice', password: 'hünter2' } }).registry.schemaOf(id, never);
    expect(given).toEqual([`Basic ${Buffer.from('alice:hünter2').toString('base64')}`]);
  });

  test('until the signal aborts', async () => {
    const { url } = await registryProxy({ url: shared.url, misbehave: () => true });
    const stop = new AbortController();
    const waiting = openRegistry(url).registry.schemaOf(1, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
