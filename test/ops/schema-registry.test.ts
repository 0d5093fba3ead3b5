import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openRegistryHttp } from '../../ops/schema-registry.ts';
import { readConfig } from '../../ops/settings/config.ts';
import { makeCertificates } from '../support/kafka/certificates.ts';
import { never } from '../support/schema-registry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a renewed registry_ca_file is used for the next request, and one that cannot be used is not', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const { authority, stores } = await makeCertificates(folder.path);
  const pem = await readFile(stores.selfsigned);
  const server = createServer({ key: pem, cert: pem }, (_, response) => void response.end('[]'));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const file = path.join(folder.path, 'authorities.pem');
  await copyFile(authority, file);
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { config } = readConfig({ file: null, environment: {}, flags: { registry_url: url, registry_ca_file: file } });
  const reported: string[] = [];
  const http = openRegistryHttp(config, reason => reported.push(reason))!;
  await expect(http.get('/subjects', never), 'the server is not of this authority').rejects.toThrow(/certificate/);

  await copyFile(path.join(folder.path, 'selfsigned.crt'), file);
  expect((await http.get('/subjects', never)).status).toBe(200);

  await writeFile(file, '');
  for (let request = 0; request < 2; request += 1) expect((await http.get('/subjects', never)).status).toBe(200);
  expect(reported).toEqual([expect.stringContaining(`registry_ca_file is ${JSON.stringify(file)}; it holds no`)]);
});
