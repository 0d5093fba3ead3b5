import type { Access } from '../../connectors/http/access.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import type { Config } from '../settings/settings.ts';
import { accessOf, tokensOf } from './access.ts';
import { stampOf } from './file-stamp.ts';

/** The shortest time between two checks of the tokens file: clients may send a thousand requests per second. */
const lookEveryMs = 1_000;

interface LiveAccessParts {
  readonly config: Config;
  readonly localToken: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Who may use HTTP, by the current `http_tokens_file`: a token whose line is removed is refused within a second. A file that
 * cannot be read changes nothing and is logged, so that a typing mistake locks nobody out.
 */
export class LiveAccess {
  readonly #parts: LiveAccessParts;
  #access: Access;
  #stamp: string;
  #lookedAt: number;

  /** Throws as `accessOf` does. */
  constructor(parts: LiveAccessParts) {
    this.#parts = parts;
    this.#lookedAt = parts.clock.now();
    this.#stamp = this.#stampNow();
    this.#access = accessOf(parts.config, parts.localToken);
  }

  /** The access rules of this moment; reads the tokens file again when it has changed. */
  current(): Access {
    const now = this.#parts.clock.now();
    // When the clock was set back, the difference is negative; the file must be checked then too.
    if (Math.abs(now - this.#lookedAt) < lookEveryMs) return this.#access;
    this.#lookedAt = now;
    // The stamp is read before the file, so that a change while the file is read is noticed at the next check.
    const stamp = this.#stampNow();
    if (stamp !== this.#stamp) this.#readAgain();
    this.#stamp = stamp;
    return this.#access;
  }

  #stampNow(): string {
    const { http_tokens_file: file } = this.#parts.config;
    return stampOf(file === null ? [] : [file]);
  }

  #readAgain(): void {
    const { config, localToken, log } = this.#parts;
    try {
      // A file without a line lets nobody in; it never opens HTTP to everyone.
      this.#access = { ...this.#access, tokens: tokensOf(config, localToken) };
      log.info({}, 'http_tokens_file has changed and was read again');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error(
        { code: 'CONFIG_INVALID', reason },
        'http_tokens_file has changed and cannot be used; the tokens known so far stay',
      );
    }
  }
}
