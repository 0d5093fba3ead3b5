import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** The certificates that a server can have. */
export type ServerCertificate = 'good' | 'expired' | 'selfsigned' | 'othername';

/** Paths of PEM files. Each file of `stores` holds a key and its certificate, as Kafka requires. */
export interface Certificates {
  /** The certificate of the authority that signed all certificates but the self-signed one. */
  readonly authority: string;
  readonly stores: Readonly<Record<ServerCertificate, string>>;
  readonly client: { readonly key: string; readonly cert: string };
}

const names: Readonly<Record<ServerCertificate, string>> = {
  good: 'IP:127.0.0.1,DNS:localhost',
  expired: 'IP:127.0.0.1,DNS:localhost',
  selfsigned: 'IP:127.0.0.1,DNS:localhost',
  othername: 'DNS:elsewhere.test',
};

/** Makes certificates of an authority, of valid and invalid servers and of a client in a folder, with openssl. */
export async function makeCertificates(dir: string): Promise<Certificates> {
  await mkdir(dir, { recursive: true });
  const at = (name: string) => path.join(dir, name);
  await selfSigned(at, 'ca', 'basicConstraints=critical,CA:TRUE');
  await signed(at, 'client', 'extendedKeyUsage=clientAuth', []);
  const stores: Record<string, string> = {};
  for (const [name, subject] of Object.entries(names)) {
    const extension = `subjectAltName=${subject}`;
    if (name === 'selfsigned') await selfSigned(at, name, extension);
    else await signed(at, name, extension, name === 'expired' ? ['20200101000000Z', '20200201000000Z'] : []);
    stores[name] = at(`${name}.store.pem`);
    await writeFile(stores[name], (await readFile(at(`${name}.key`), 'utf8')) + (await readFile(at(`${name}.crt`))));
  }
  return {
    authority: at('ca.crt'),
    stores: stores as Record<ServerCertificate, string>,
    client: { key: at('client.key'), cert: at('client.crt') },
  };
}

type Place = (name: string) => string;

async function selfSigned(at: Place, name: string, extension: string): Promise<void> {
  const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)];
  await openssl([...request(name), '-x509', '-days', '30', '-addext', extension, ...files]);
}

/** Makes a certificate signed by the authority. openssl needs the authority's index file to set both dates. */
async function signed(at: Place, name: string, extension: string, dates: readonly string[]): Promise<void> {
  await openssl([...request(name), '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)]);
  await writeFile(at(`${name}.ext`), `${extension}\n`);
  await writeFile(at(`${name}.index`), '');
  const settings = ['[ca]', 'default_ca=c', '[c]', `database=${at(`${name}.index`)}`, `new_certs_dir=${at('.')}`];
  const policy = ['rand_serial=yes', 'default_md=sha256', 'policy=p', '[p]', 'commonName=supplied'];
  await writeFile(at(`${name}.conf`), [...settings, ...policy, ''].join('\n'));
  const files = ['-in', at(`${name}.csr`), '-out', at(`${name}.crt`), '-extfile', at(`${name}.ext`)];
  const authority = ['-config', at(`${name}.conf`), '-cert', at('ca.crt'), '-keyfile', at('ca.key')];
  const [from, to] = dates;
  const valid = from && to ? ['-startdate', from, '-enddate', to] : ['-days', '30'];
  await openssl(['ca', '-batch', '-notext', ...authority, ...files, ...valid]);
}

/** Arguments with an elliptic-curve key, which takes less time to make than an RSA key. */
function request(name: string): readonly string[] {
  return ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`];
}

async function openssl(args: readonly string[]): Promise<void> {
  await promisify(execFile)('openssl', [...args]);
}
