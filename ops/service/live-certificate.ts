import { X509Certificate } from 'node:crypto';
import { TidemarkError } from '../../pipeline/errors.ts';
import type { Log } from '../../pipeline/ports.ts';
import { type KeyPair, readKeyPair } from '../settings/certificates.ts';
import type { Config } from '../settings/settings.ts';
import { stampOf } from './file-stamp.ts';
import { logBadFile } from './log.ts';

const lookEveryMs = 1_000;

/** What a new certificate is given to. */
interface CertificateUsers {
  /** Tells the commands on this machine its fingerprint, before the first of them is shown the certificate. */
  announce(fingerprint: string): Promise<void>;
  /** Serves new connections with it. */
  serve(pair: KeyPair): void;
}

/** The certificate of HTTPS, which is read again when its files change. One that cannot be used changes nothing and is logged. */
export class LiveCertificate {
  readonly #config: Config;
  readonly #log: Log;
  readonly #files: readonly string[];
  #pair: KeyPair;
  #stamp: string;
  /** False while the commands do not know the certificate that is served, because the file for them cannot be written. */
  #isAnnounced = true;

  private constructor(config: Config, log: Log, pair: KeyPair) {
    this.#config = config;
    this.#log = log;
    this.#files = [config.http_tls_cert_file, config.http_tls_key_file].filter(file => file !== null);
    this.#pair = pair;
    this.#stamp = stampOf(this.#files);
  }

  /** Null where HTTP is unencrypted. Throws `CONFIG_INVALID`. */
  static open(config: Config, log: Log): LiveCertificate | null {
    const pair = readKeyPair(config, 'http');
    return pair === null ? null : new LiveCertificate(config, log, pair);
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  get fingerprint(): string {
    return new X509Certificate(this.#pair.cert).fingerprint256;
  }

  /** Begins to look at the files every second; the function that it returns ends that. */
  follow(users: CertificateUsers): () => Promise<void> {
    let looking = Promise.resolve();
    const timer = setInterval(() => {
      looking = looking.then(() => this.#look(users));
    }, lookEveryMs);
    timer.unref();
    return () => {
      clearInterval(timer);
      return looking;
    };
  }

  async #look(users: CertificateUsers): Promise<void> {
    const isNew = this.#readAgain();
    if (isNew || !this.#isAnnounced) this.#isAnnounced = await this.#announce(users);
    if (!isNew) return;
    users.serve(this.#pair);
    this.#log.info({ fingerprint: this.fingerprint }, 'the certificate of HTTPS has changed and was read again');
  }

  /** Returns false when the commands cannot be told, which is tried again at the next look and logged once. */
  async #announce({ announce }: CertificateUsers): Promise<boolean> {
    try {
      await announce(this.fingerprint);
      return true;
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      const sentence = `commands on this machine do not know the new certificate: ${error.message}`;
      if (this.#isAnnounced) this.#log.warn({ code: error.code }, sentence);
      return false;
    }
  }

  /** True when the files hold another usable certificate or key than before. */
  #readAgain(): boolean {
    // The stamp is read before the files, so that a change while they are read is noticed at the next look.
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    try {
      const { cert, key } = readKeyPair(this.#config, 'http')!;
      const isNew = cert !== this.#pair.cert || key !== this.#pair.key;
      this.#pair = { cert, key };
      return isNew;
    } catch (error) {
      logBadFile(this.#log)(error instanceof Error ? error.message : String(error));
      return false;
    }
  }
}
