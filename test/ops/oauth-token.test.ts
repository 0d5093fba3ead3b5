import { writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bearerToken } from '../../ops/oauth-token.ts';
import { readConfig } from '../../ops/settings/config.ts';
import type { Config } from '../../ops/settings/settings.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function addressOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
}

function configOf(settings: Readonly<Record<string, string>>): Config {
  const environment = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`TIDEMARK_${name.toUpperCase()}`, value]),
  );
  return readConfig({ file: null, environment, flags: {} }).config;
}

const account = { kafka_sasl_username: 'us & them', kafka_sasl_password: 'pass:word' };
const tokenAt = (url: string) => bearerToken(configOf({ ...account, kafka_oauth_token_url: url }));

test('a token is requested as RFC 6749 defines', async () => {
  const asked: string[] = [];
  const url = await addressOf(({ method, headers }, response) => {
    asked.push(`${method} ${headers.authorization} ${headers['content-type']}`);
    response.end('{"access_token":"abc","token_type":"bearer"}');
  });
  expect(await tokenAt(url)).toBe('abc');
  const basic = Buffer.from('us+%26+them:pass%3Aword').toString('base64');
  expect(asked).toEqual([`POST Basic ${basic} application/x-www-form-urlencoded`]);
});

test.each([400, 401, 403])('a client id and secret refused with %s are a permanent error', async status => {
  const url = await addressOf((_, response) => response.writeHead(status).end('{"error":"invalid_client"}'));
  await expect(tokenAt(url)).rejects.toMatchObject({
    code: 'SOURCE_REFUSED',
    message: expect.stringMatching(new RegExp(`client id and secret: it answered ${status}$`)),
  });
});

test.each([
  ['is overloaded', 503, 'later'],
  ['answers with a web page', 200, '<html>'],
  ['answers without a token', 200, '{"token":"abc"}'],
  ['answers with a token that is null', 200, '{"access_token":null}'],
  ['answers with an empty token', 200, '{"access_token":""}'],
])('the error is temporary when the server %s', async (_, status, text) => {
  const url = await addressOf((_request, response) => response.writeHead(status).end(text));
  await expect(tokenAt(url)).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
    message: expect.stringMatching(new RegExp(`it answered ${status}, without an access_token$`)),
  });
});

test('the error is temporary when the server does not answer, and while the token file is missing', async () => {
  await expect(tokenAt('http://127.0.0.1:1/token')).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
    message: expect.stringMatching(/does not answer: .*(ECONNREFUSED|bad port)/),
  });
  const folder = await temporaryFolder();
  const file = path.join(folder.path, 'token');
  await writeFile(file, 'abc\n');
  const config = configOf({ kafka_oauth_token_file: file });
  expect(await bearerToken(config)).toBe('abc');
  await writeFile(file, '\n');
  await expect(bearerToken(config), 'while the file is being written').rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
    message: `kafka_oauth_token_file is ${JSON.stringify(file)}; it is empty`,
  });
  await folder.remove();
  await expect(bearerToken(config)).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
    message: expect.stringMatching(/kafka_oauth_token_file cannot be read: ENOENT/),
  });
});
