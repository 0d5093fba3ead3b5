import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { checkAll, readSettingFile, type SettingText, settingFault } from './setting-file.ts';
import type { Config } from './settings.ts';

/** A certificate, with those that lead to its authority, and its private key, as PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

type Use = 'http' | 'kafka';

/** The certificate and key that identify this process to clients of HTTP, or to brokers; null where none is set. Throws `CONFIG_INVALID`. */
export function readKeyPair(config: Config, use: Use): KeyPair | null {
  const names = { cert: `${use}_tls_cert_file`, key: `${use}_tls_key_file` } as const;
  const [certFile, keyFile] = [config[names.cert], config[names.key]];
  if (certFile === null && keyFile === null) return null;
  if (certFile === null)
    throw settingFault({ setting: names.key, file: keyFile! }, `${names.cert} is not set; they need each other`);
  if (keyFile === null)
    throw settingFault({ setting: names.cert, file: certFile }, `${names.key} is not set; they need each other`);
  const files = checkAll([() => readSettingFile(names.cert, certFile), () => readSettingFile(names.key, keyFile)]);
  return keyPairOf(...files);
}

/** The authorities of a PEM file; null where none is set. Throws `CONFIG_INVALID` unless there is one and all can be read. */
export function readAuthorities(config: Config, setting: 'kafka_tls_ca_file' | 'registry_ca_file'): string | null {
  const file = config[setting];
  if (file === null) return null;
  const authorities = readSettingFile(setting, file);
  // Node would take a file without certificates for one that is not given, and trust the authorities that it knows itself.
  certificatesOf(authorities);
  return authorities.text;
}

/** Checks what Node would report only to each client, or not at all. */
function keyPairOf(cert: SettingText, key: SettingText): KeyPair {
  const [[certificate], privateKey] = checkAll([() => certificatesOf(cert), () => privateKeyOf(key)]);
  if (!certificate.checkPrivateKey(privateKey)) {
    const fault = `it is not the key of the certificate in ${cert.setting}, ${JSON.stringify(cert.file)}`;
    throw settingFault(key, fault);
  }
  try {
    createSecureContext({ cert: cert.text, key: key.text });
  } catch (cause) {
    throw settingFault(cert, `it cannot be used for TLS: ${reasonOf(cause)}`, cause);
  }
  return { cert: cert.text, key: key.text };
}

function certificatesOf(pem: SettingText): readonly [X509Certificate, ...X509Certificate[]] {
  const begin = /^(?=-----BEGIN (?:X509 )?CERTIFICATE-----)/m;
  const blocks = pem.text.split(begin).filter(block => block.search(begin) === 0);
  try {
    const [first, ...others] = blocks.map(block => new X509Certificate(block));
    if (first !== undefined) return [first, ...others];
  } catch (cause) {
    throw settingFault(pem, `it holds a certificate that cannot be read: ${reasonOf(cause)}`, cause);
  }
  throw settingFault(pem, 'it holds no certificate; allowed is a PEM file of certificates');
}

function privateKeyOf(pem: SettingText): KeyObject {
  const allowed = 'allowed is a PEM file of a private key without a passphrase';
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem.text))
    throw settingFault(pem, `its key is encrypted; ${allowed}`);
  try {
    return createPrivateKey(pem.text);
  } catch (cause) {
    throw settingFault(pem, `it holds no private key that can be read; ${allowed}`, cause);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
