import { TidemarkError } from '../../pipeline/errors.ts';

/** How slow a client may receive an answer before it is cut off. An answer holds a file until it is sent. */
export interface SlowClientLimits {
  /** A client that receives nothing for this many milliseconds is cut off. */
  readonly stallMs: number;
  /** A client that receives less than `minBytesPerPeriod` in this many milliseconds is cut off too. */
  readonly periodMs: number;
  readonly minBytesPerPeriod: number;
}

/**
 * 4 bytes per millisecond are 4 kB per second; even a modem of 56 kbit/s receives 6 kB per second. The rate is measured over
 * ten times the stall time, so that a client may pause now and then. A stream holds one of `streams_at_once` places: at this
 * rate 100 MB take 7 hours.
 */
const minBytesPerMs = 4;
const stallsPerPeriod = 10;

/** The limits that follow from the setting `http_stall_ms`. */
export function slowClientLimits(stallMs: number): SlowClientLimits {
  const periodMs = stallsPerPeriod * stallMs;
  return { stallMs, periodMs, minBytesPerPeriod: periodMs * minBytesPerMs };
}

/** Measures how many bytes a client receives while the service waits for it. Time without data to send does not count. */
export class ReceiveRate {
  readonly #limits: SlowClientLimits;
  #bytes = 0;
  #waitedMs = 0;

  constructor(limits: SlowClientLimits) {
    this.#limits = limits;
  }

  /** To be called after each piece that was sent, with the time waited for it. Throws when the client is too slow. */
  add(bytes: number, waitedMs: number): void {
    const { periodMs, minBytesPerPeriod } = this.#limits;
    this.#bytes += bytes;
    this.#waitedMs += waitedMs;
    if (this.#waitedMs < periodMs) return;
    if (this.#bytes < minBytesPerPeriod)
      throw tooSlow(`the client received less than ${minBytesPerPeriod} bytes in ${periodMs} ms`);
    this.#bytes = 0;
    this.#waitedMs = 0;
  }
}

/** The error of a stream that is cut off because its client does not take it. */
export function tooSlow(message: string, options?: ErrorOptions): TidemarkError {
  return new TidemarkError('INTERRUPTED', message, options);
}
