import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { copyFile, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { waitFor } from '../../../ops/local-kafka/waiting.ts';
import { findClient } from '../../../ops/service/client.ts';
import { findServer } from '../../../ops/service/server-file.ts';
import { makeCertificates } from '../../support/kafka/certificates.ts';
import { type Served, serve } from '../../support/serving.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { tidemarkDone } from '../../support/tidemark.ts';

/** The certificate that a new connection is shown. */
function shownBy({ url }: Served): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('a renewed certificate is served without a restart, commands find the service by it, and a bad one changes nothing', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  await makeCertificates(folder.path);
  const at = (name: string) => path.join(folder.path, name);
  const use = async (name: string) => {
    await copyFile(at(`${name}.crt`), at('server.crt'));
    await copyFile(at(`${name}.key`), at('server.key'));
  };
  const fingerprints = { good: '', othername: '' };
  for (const name of ['good', 'othername'] as const)
    fingerprints[name] = new X509Certificate(await readFile(at(`${name}.crt`))).fingerprint256;
  await use('good');
  const served = await serve({
    settings: { http_tls_cert_file: at('server.crt'), http_tls_key_file: at('server.key') },
  });
  const becomes = (fingerprint: string) =>
    waitFor('the other certificate', async () => ((await shownBy(served)) === fingerprint ? true : null));
  const status = () => tidemarkDone(['status', '--db', served.db, '--json']);
  expect(await shownBy(served)).toBe(fingerprints.good);

  await writeFile(at('server.key'), '');
  await served.logged(/"level":"warn".*http_tls_key_file is .*a changed file of certificates cannot be used/);
  expect(await shownBy(served), 'every handshake would fail').toBe(fingerprints.good);
  await status();

  await use('othername');
  await becomes(fingerprints.othername);
  await status();
  await served.logged(`"fingerprint":"${fingerprints.othername}"`);

  // The file for the commands cannot be written while a folder has its hidden name.
  const obstacle = path.join(path.dirname(served.db), `.${path.basename(served.db)}.server.json`);
  await mkdir(obstacle);
  await use('good');
  await becomes(fingerprints.good);
  await served.logged(/"code":"NOT_WRITABLE".*commands on this machine do not know the new certificate/);
  await rmdir(obstacle);
  await waitFor('the commands to know it', async () =>
    (await findServer(served.db))?.certificate === fingerprints.good ? true : null,
  );
  await status();
});

test('a command that meets a renewed certificate reads the server file once more', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const { stores } = await makeCertificates(folder.path);
  const pem = await readFile(stores.good);
  const db = path.join(folder.path, 'x.duckdb');
  const server = https.createServer({ key: pem, cert: pem }, (_, response) => void response.end('{}'));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const base = { url: `https://127.0.0.1:${port}`, pid: 1, token: 't', export_root: '/out' };
  const write = (certificate: string) => writeFileSync(`${db}.server.json`, JSON.stringify({ ...base, certificate }));
  write('former');
  await expect(findClient(db), 'another certificate than the file names').rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
    message: expect.stringContaining('does not present the certificate'),
  });
  server.once('connection', () => write(new X509Certificate(pem).fingerprint256));
  expect(await findClient(db)).not.toBeNull();
});
