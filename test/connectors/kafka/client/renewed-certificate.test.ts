import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../../../connectors/kafka/client/client.ts';
import { kafkaOptionsOf } from '../../../../ops/kafka-options.ts';
import { readConfig } from '../../../../ops/settings/config.ts';
import { canStartBroker } from '../../../support/kafka/own-servers.ts';
import { LogLines } from '../../../support/kafka/reading.ts';
import { startSecureBroker } from '../../../support/kafka/secure-broker.ts';
import { temporaryFolder } from '../../../support/temporary-folder.ts';

describe.skipIf(!(await canStartBroker()))('a client with a certificate', () => {
  test('uses a renewed one for its next connection, and goes on with the former one when the new one cannot be used', async () => {
    const secure = await startSecureBroker();
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const [cert, key] = [path.join(folder.path, 'client.crt'), path.join(folder.path, 'client.key')];
    const use = async (name: string) => {
      const from = path.dirname(secure.files.client.cert);
      await copyFile(path.join(from, `${name}.crt`), cert);
      await copyFile(path.join(from, `${name}.key`), key);
    };
    await use('client');
    const flags = {
      kafka_brokers: secure.address('MUTUAL_TLS'),
      kafka_topics: 'any',
      ...{ kafka_tls: true, kafka_tls_ca_file: secure.files.authority },
      ...{ kafka_tls_cert_file: cert, kafka_tls_key_file: key },
    };
    const log = new LogLines();
    const kafka = createClient(kafkaOptionsOf(readConfig({ file: null, environment: {}, flags }).config), log);
    const connect = async () => {
      const admin = kafka.admin({ retry: { retries: 0 } });
      await admin.connect().finally(() => admin.disconnect());
    };
    await connect();

    await writeFile(key, '');
    await connect();
    await connect();
    const warnings = log.lines.filter(({ level }) => level === 'warn');
    expect(
      warnings.map(({ sentence }) => sentence),
      'once for both connections',
    ).toEqual(['a changed file of certificates cannot be used; its former content stays']);
    expect(JSON.stringify(warnings[0]?.facts)).toContain('kafka_tls_key_file is');

    await use('selfsigned');
    await expect(connect(), 'the broker does not know this one').rejects.toThrow(/certificate|disconnected|closed/i);
    await use('client');
    await connect();
  });
});
