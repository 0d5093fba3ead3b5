/** How slow a client may be before it is cut off: what it has asked for, it keeps from others. */
export interface Patience {
  /** A client that takes nothing in this time is cut off. */
  readonly stallMs: number;
  /** So is one that takes less than `leastBytes` in this time. */
  readonly spanMs: number;
  readonly leastBytes: number;
}

/**
 * Lines that are in use bring more than 4 kB a second (a modem of 56k brings 6), and so does whoever only stops now and
 * then, if looked at over ten stalls. A client below that means to take nothing, or might as well: a stream holds one of
 * two snapshots, and at this rate a hundred megabytes are through within a night.
 */
const leastBytesPerMs = 4;
const stallsPerSpan = 10;

/** What a client is granted that may take nothing for so long. */
export function patienceOf(stallMs: number): Patience {
  const spanMs = stallsPerSpan * stallMs;
  return { stallMs, spanMs, leastBytes: spanMs * leastBytesPerMs };
}

/** Weighs what a client took against how long it was waited for; time in which we had nothing to give does not count. */
export class Pace {
  readonly #patience: Patience;
  #bytes = 0;
  #waitedMs = 0;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** To be called for each piece that went out. Throws when the client is too slow. */
  took(bytes: number, waitedMs: number): void {
    const { spanMs, leastBytes } = this.#patience;
    this.#bytes += bytes;
    this.#waitedMs += waitedMs;
    if (this.#waitedMs < spanMs) return;
    if (this.#bytes < leastBytes) throw new Error(`the client took less than ${leastBytes} bytes in ${spanMs} ms`);
    this.#bytes = 0;
    this.#waitedMs = 0;
  }
}
