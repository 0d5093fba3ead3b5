import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { lineOf, newToken } from '../../../ops/service/access.ts';
import { LiveAccess } from '../../../ops/service/live-access.ts';
import { readConfig } from '../../../ops/settings/config.ts';
import { serve } from '../../support/serving.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const first = newToken();
const second = newToken();
const firstLine = lineOf('first', 'operator', first);
const secondLine = lineOf('second', 'operator', second);
let file: string;

beforeEach(async () => {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  file = path.join(folder.path, 'tokens');
  await writeFile(file, `${firstLine}\n`);
});

test('a running service refuses a removed token, accepts a new one, keeps its tokens when the file is broken, and lets nobody in when it is empty (contract 5.14)', async () => {
  const served = await serve({ settings: { http_tokens_file: file } });
  const statusOf = async (token: string) =>
    (await fetch(`${served.url}/exports`, { headers: { authorization: `Bearer ${token}` } })).status;
  const becomes = (token: string, status: number) =>
    waitFor(`${status}`, async () => ((await statusOf(token)) === status ? true : null), 20_000);
  expect([await statusOf(first), await statusOf(second)]).toEqual([200, 401]);

  await writeFile(`${file}.new`, `${secondLine}\n`);
  await rename(`${file}.new`, file);
  await becomes(first, 401);
  expect(await statusOf(second)).toBe(200);

  const secret = newToken();
  await writeFile(file, `${firstLine}\n${secret}\n`);
  await waitFor('the broken file to be looked at', async () => {
    expect([await statusOf(second), await statusOf(first)]).toEqual([200, 401]);
    return served.log().includes('cannot be used') ? true : null;
  });
  expect([await statusOf(second), await statusOf(first), await statusOf(secret)]).toEqual([200, 401, 401]);

  await writeFile(file, `${firstLine}\n`);
  await becomes(second, 401);
  expect(await statusOf(first)).toBe(200);

  await writeFile(file, '');
  await becomes(first, 401);
  expect((await fetch(`${served.url}/exports`)).status, 'nobody without a token').toBe(401);
  await served.stop();
  expect(served.log()).toMatch(/"reason":"http_tokens_file: line 2 of [^"]* cannot be read/);
  for (const token of [first, second, secret]) expect(served.log()).not.toContain(token);
});

describe('the tokens file', () => {
  const opened = (flags: Readonly<Record<string, unknown>> = {}) => {
    let now = 1_000_000;
    const told: string[] = [];
    const log = { info: () => undefined, error: (_: object, text: string) => void told.push(text) } as never;
    const { config } = readConfig({
      file: 'tidemark.example.yaml',
      environment: {},
      flags: { http_tokens_file: file, ...flags },
    });
    const access = new LiveAccess({ config, localToken: 'local', clock: { now: () => now }, log });
    const names = () => access.current().tokens.map(({ client }) => client);
    const wait = (milliseconds: number) => {
      now += milliseconds;
    };
    return { access, names, wait, told };
  };

  test('is checked at most once per second', async () => {
    const { names, wait } = opened();
    await writeFile(file, `${secondLine}\n`);
    wait(999);
    expect(names()).toEqual(['first', 'command line']);
    wait(1);
    expect(names()).toEqual(['second', 'command line']);
  });

  test.each(['127.0.0.1', '0.0.0.0'])('without a line lets nobody in, with http_host %s', async host => {
    const { access, names, wait } = opened({ http_host: host });
    await writeFile(file, '# nobody\n');
    wait(1_000);
    expect(names()).toEqual(['command line']);
    expect(access.current().anonymous).toBe(false);
  });

  test.each([
    ['empty', '', {}],
    ['of comments', '# nobody\n', {}],
    ['empty, although http_allow_anonymous is set', '', { http_allow_anonymous: true }],
  ])('that is %s at the start is refused, and the message names it', async (_, text, flags) => {
    await writeFile(file, text);
    expect(() => opened(flags), 'everybody would be let in').toThrowError(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`http_tokens_file is ${JSON.stringify(file)}; it holds no token`),
      }),
    );
  });

  test('may be empty while http_tokens holds a token', async () => {
    await writeFile(file, '');
    const { names, access } = opened({ http_tokens: secondLine });
    expect(names()).toEqual(['second', 'command line']);
    expect(access.current().anonymous).toBe(false);
  });

  test('that is gone is logged once, and the tokens stay', async () => {
    const { names, wait, told } = opened();
    await rm(file);
    for (let i = 0; i < 3; i += 1) {
      wait(1_000);
      expect(names()).toEqual(['first', 'command line']);
    }
    expect(told).toEqual(['http_tokens_file has changed and cannot be used; the tokens known so far stay']);
  });
});
