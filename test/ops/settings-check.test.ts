import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lineOf, newToken } from '../../ops/service/access.ts';
import { tidemarkDoneHere, tidemarkHere } from '../support/in-process.ts';
import { makeCertificates } from '../support/kafka/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { startTidemark } from '../support/tidemark.ts';

const openssl = (...args: readonly string[]) => promisify(execFile)('openssl', [...args]);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** Settings that together are allowed, as environment variables. */
let whole: Readonly<Record<string, string>>;

const at = (name: string) => path.join(folder.path, name);
const variableOf = (setting: string) => `TIDEMARK_${setting.toUpperCase()}`;

beforeAll(async () => {
  folder = await temporaryFolder();
  await makeCertificates(folder.path);
  await writeFile(at('tokens'), `${lineOf('me', 'reader', newToken())}\n`);
  await writeFile(at('secret'), 'hunter2\n');
  await writeFile(at('empty'), '');
  await writeFile(at('comments'), '\n# nobody yet\n');
  await mkdir(at('folder'));
  await promisify(execFile)('mkfifo', [at('pipe')]);
  await openssl('pkey', '-in', at('good.key'), '-aes256', '-passout', 'pass:x', '-out', at('encrypted.key'));
  await openssl('ec', '-in', at('good.key'), '-aes256', '-passout', 'pass:x', '-out', at('encrypted-ec.key'));
  const authority = await promisify(execFile)('head', ['-c', '300', at('ca.crt')]);
  await writeFile(at('cut.crt'), authority.stdout);
  const files = {
    http_tokens_file: 'tokens',
    http_tls_cert_file: 'good.crt',
    http_tls_key_file: 'good.key',
    kafka_tls_ca_file: 'ca.crt',
    kafka_tls_cert_file: 'client.crt',
    kafka_tls_key_file: 'client.key',
    kafka_sasl_password_file: 'secret',
    registry_ca_file: 'ca.crt',
    registry_password_file: 'secret',
  };
  const values = {
    ...{ kafka_tls: 'true', kafka_sasl_mechanism: 'plain', kafka_sasl_username: 'me' },
    ...{ registry_url: 'https://registry', registry_username: 'me' },
  };
  const paths = Object.entries(files).map(([setting, name]) => [setting, at(name)]);
  const given = [...paths, ...Object.entries(values)] as [string, string][];
  whole = Object.fromEntries(given.map(([setting, value]) => [variableOf(setting), value]));
});
afterAll(() => folder.remove());

/** What `config check` says when one setting of the allowed ones is another. */
async function faultOf(setting: string, value: string): Promise<string> {
  const { code, stderr } = await tidemarkHere(['config', 'check'], {
    cwd: folder.path,
    env: { ...whole, [variableOf(setting)]: value },
  });
  expect([setting, code, stderr]).toEqual([setting, 78, expect.stringMatching(/\[CONFIG_INVALID\]\n$/)]);
  return stderr;
}

test('settings of security that fit together are accepted', async () => {
  await tidemarkDoneHere(['config', 'check'], { cwd: folder.path, env: whole });
});

const fileSettings = [
  'http_tokens_file',
  'http_tls_cert_file',
  'http_tls_key_file',
  'kafka_tls_ca_file',
  'kafka_tls_cert_file',
  'kafka_tls_key_file',
  'kafka_sasl_password_file',
  'registry_ca_file',
  'registry_password_file',
] as const;

describe.each(fileSettings)('config check refuses %s, and names it and its file', setting => {
  test.each(['empty', 'missing', 'folder', 'comments'])('%s', async name => {
    const isSecret = setting.endsWith('password_file');
    // A password may be any text.
    const path = isSecret && name === 'comments' ? at('empty') : at(name);
    expect(await faultOf(setting, path)).toContain(`${setting} is ${JSON.stringify(path)}; `);
  });

  test('when it is given as an empty text', async () => {
    expect(await faultOf(setting, '')).toContain(
      `${variableOf(setting)}: ${setting} is ""; allowed is the path of a file`,
    );
  });
});

test.each([
  ['http_tokens_file', 'empty', /it holds no token/],
  ['http_tokens_file', 'comments', /it holds no token/],
  ['http_tls_cert_file', 'good.key', /it holds no certificate/],
  ['http_tls_cert_file', 'client.crt', /http_tls_key_file is .*not the key of the certificate in http_tls_cert_file/],
  ['http_tls_key_file', 'client.key', /not the key of the certificate in http_tls_cert_file, ".*good\.crt"/],
  ['http_tls_key_file', 'encrypted.key', /its key is encrypted; allowed is .* without a passphrase/],
  ['http_tls_key_file', 'encrypted-ec.key', /its key is encrypted/],
  ['http_tls_key_file', 'good.crt', /it holds no private key/],
  ['kafka_tls_key_file', 'good.key', /not the key of the certificate in kafka_tls_cert_file/],
  ['kafka_tls_key_file', 'encrypted.key', /its key is encrypted/],
  ['kafka_tls_ca_file', 'cut.crt', /it holds a certificate that cannot be read/],
  ['registry_ca_file', 'cut.crt', /it holds a certificate that cannot be read/],
  ['registry_ca_file', 'client.key', /it holds no certificate/],
] as const)('config check refuses %s that is %s', async (setting, name, says) => {
  expect(await faultOf(setting, at(name))).toMatch(says);
});

test.each([
  ['http_tls_cert_file', 'http_tls_key_file'],
  ['http_tls_key_file', 'http_tls_cert_file'],
  ['kafka_tls_cert_file', 'kafka_tls_key_file'],
  ['kafka_tls_key_file', 'kafka_tls_cert_file'],
] as const)('config check refuses %s without %s', async (setting, other) => {
  const env = Object.fromEntries(Object.entries(whole).filter(([name]) => name !== variableOf(other)));
  const { code, stderr } = await tidemarkHere(['config', 'check'], { cwd: folder.path, env });
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(new RegExp(`${setting} is ".*"; ${other} is not set; they need each other`)),
  ]);
});

test.each(['', '[]'])('config check refuses http_tokens given as %j: it would let everybody in', async value => {
  await writeFile(at('tokens.yaml'), 'http_tokens: []\n');
  const given = value === '' ? { env: { TIDEMARK_HTTP_TOKENS: '' } } : {};
  const file = value === '' ? [] : ['--config', at('tokens.yaml')];
  const { code, stderr } = await tidemarkHere(['config', 'check', ...file], { cwd: folder.path, ...given });
  expect([code, stderr]).toEqual([78, expect.stringMatching(/http_tokens is .*at least one.*\[CONFIG_INVALID\]/)]);
});

test('config check refuses authorities for a registry without TLS', async () => {
  expect(await faultOf('registry_url', 'http://registry')).toContain(
    'registry_ca_file needs a registry_url that begins with https://',
  );
});

describe('named pipes, which would be waited for', () => {
  const pipes = (isSecret: boolean) => fileSettings.filter(setting => setting.endsWith('password_file') === isSecret);

  test.each([
    ['config check', 'of certificates and tokens', false],
    ['config check', 'of passwords', true],
    ['run', 'of certificates and tokens', false],
    ['run', 'of passwords', true],
  ] as const)('are refused by %s in place of all files %s at once', async (command, _, isSecret) => {
    const env = Object.fromEntries(pipes(isSecret).map(setting => [variableOf(setting), at('pipe')]));
    const args = command === 'run' ? ['run', '--log-folder', 'log', '--http-port', '0'] : ['config', 'check'];
    const { child, ended } = startTidemark(args, { cwd: folder.path, env: { ...whole, ...env } });
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
    const { code, signal, stderr } = await ended;
    clearTimeout(timer);
    expect([code, signal], stderr).toEqual([78, null]);
    for (const setting of pipes(isSecret))
      expect(stderr).toMatch(new RegExp(`${setting} is ".*pipe"; it cannot be read: .* is a named pipe`));
  });
});

test('run refuses a tokens file without a token and makes no database', async () => {
  const env = { TIDEMARK_HTTP_TOKENS_FILE: at('comments') };
  const { code, stderr } = await tidemarkHere(['run', '--log-folder', 'log', '--db', 'never.duckdb'], {
    cwd: folder.path,
    env,
  });
  expect([code, stderr]).toEqual([
    78,
    expect.stringContaining(`http_tokens_file is ${JSON.stringify(at('comments'))}`),
  ]);
  expect(await readdir(folder.path)).not.toContain('never.duckdb');
});
