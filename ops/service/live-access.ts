import { statSync } from 'node:fs';
import type { Access } from '../../connectors/http/access.ts';
import type { Clock, Log } from '../../pipeline/ports.ts';
import type { Config } from '../settings.ts';
import { accessOf, hasLocalOnly, tokensOf } from './access.ts';

/** A look at a file costs little, but not nothing, and clients may ask a thousand times a second. */
const lookEveryMs = 1_000;

interface LiveAccessParts {
  readonly config: Config;
  readonly localToken: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Who may come in, by what `http_tokens_file` says now: a token whose line is taken out is refused within a second. A file
 * that cannot be used changes nothing but is told of, so that a slip of the pen locks nobody out.
 */
export class LiveAccess {
  readonly #parts: LiveAccessParts;
  #access: Access;
  #stamp: string;
  #lookedAt: number;

  /** Throws as `accessOf` does: what is wrong at the start is not gone on with. */
  constructor(parts: LiveAccessParts) {
    this.#parts = parts;
    this.#lookedAt = parts.clock.now();
    this.#stamp = stampOf(parts.config.http_tokens_file);
    this.#access = accessOf(parts.config, parts.localToken);
  }

  now(): Access {
    const { config, clock } = this.#parts;
    const now = clock.now();
    // A clock that was set back must not keep us from looking.
    if (Math.abs(now - this.#lookedAt) < lookEveryMs) return this.#access;
    this.#lookedAt = now;
    // Before the file is read: one that changes meanwhile is read again.
    const stamp = stampOf(config.http_tokens_file);
    if (stamp !== this.#stamp) this.#readAgain();
    this.#stamp = stamp;
    return this.#access;
  }

  #readAgain(): void {
    const { config, localToken, log } = this.#parts;
    try {
      const tokens = tokensOf(config, localToken);
      // A file that lost its last line takes rights away; it never opens the door to all.
      const anonymous = this.#access.anonymous && hasLocalOnly(tokens);
      this.#access = { ...this.#access, anonymous, tokens };
      log.info({}, 'http_tokens_file has changed and was read again');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error({ reason }, 'http_tokens_file has changed and cannot be used; the tokens known so far stay');
    }
  }
}

/** What differs when a file was written, replaced or taken away; the same for one that is not there. */
function stampOf(file: string | null): string {
  if (file === null) return '';
  try {
    const { mtimeNs, ctimeNs, size, ino } = statSync(file, { bigint: true });
    return [mtimeNs, ctimeNs, size, ino].join(' ');
  } catch {
    return 'it cannot be looked at';
  }
}
